import KafkaClient
import KafkaWire
import ReplicationTools
import Testing

/// What is said of a partition, from what is known of it.
@Suite struct AccountTests {
    private static let old = "0123456789abcdef0123456789abcdef"
    private static let new = "fedcba98765432100123456789abcdef"

    private func facts(
        copied: Int64? = 10, start: Int64 = 0, committed: Int64 = 10, end: Int64 = 10,
        _ edit: (inout PartitionFacts) -> Void = { _ in }
    ) -> PartitionFacts {
        var facts = PartitionFacts(
            source: TopicPartition("orders", 0), targetTopic: "east.orders", sourceTopicID: Self.old)
        facts.recorded = copied.map {
            PartitionFacts.Recorded(sourceOffset: $0, sourceTopicID: Self.old, sourceLeaderEpoch: 1)
        }
        facts.bounds = .success(PartitionFacts.Bounds(start: start, committedEnd: committed, end: end))
        edit(&facts)
        return facts
    }

    private func recreatedCopy() -> PartitionFacts {
        facts {
            $0.recorded?.targetTopicID = Self.old
            $0.targetTopicID = Self.new
        }
    }

    private func copies(to offset: Int64, of end: Int64) -> PartitionFacts {
        facts {
            $0.recorded?.targetOffset = offset
            $0.targetEnd = end
        }
    }

    private func account(_ facts: PartitionFacts) -> Account { facts.account(flow: "f", from: "east", to: "west") }

    private static let unanswered = KafkaError(.cancelled, during: .request(.listOffsets), cluster: "east")

    @Test func `each state has its own cause`() {
        let cases: [(PartitionFacts, Account.State)] = [
            (facts(), .complete),
            (facts(committed: 12, end: 12), .behind),
            (facts(committed: 10, end: 13), .openTransaction),
            (facts(start: 12, committed: 20, end: 20), .expired),
            (facts(committed: 5, end: 5), .truncated),
            (facts(committed: 20, end: 20) { $0.epochEnd = 8 }, .truncated),
            (facts { $0.sourceTopicID = Self.new }, .recreated),
            (facts { $0.stopped = "a record is too large" }, .stopped),
            (facts { $0.atSource = .leaderless }, .leaderless),
            (facts { $0.atSource = .missing }, .deleted),
            (facts { $0.atTarget = .missing }, .copyGone),
            (facts { $0.atSource = .withheld }, .withheld),
            (recreatedCopy(), .copyGone),
            (copies(to: 10, of: 9), .copyGone),
            (copies(to: 10, of: 12), .complete),
            (facts { $0.bounds = .failure(Self.unanswered) }, .unknown),
            (facts { $0.bounds = nil }, .unknown),
            (facts(copied: nil), .waiting),
            (facts(copied: nil) { $0.atTarget = .missing }, .waiting),
            (facts(copied: nil) { $0.uncreatable = "west refuses" }, .uncreatable),
        ]
        for (facts, state) in cases {
            let account = account(facts)
            #expect(account.state == state, "\(account)")
            #expect(!account.reason.isEmpty)
            #expect(account.isLeft == (state != .complete))
        }
    }

    @Test func `a new topic under the old name is no log that was cut, and an open transaction hides no lag`() {
        #expect(account(facts(committed: 3, end: 3) { $0.sourceTopicID = Self.new }).state == .recreated)
        #expect(account(facts(copied: 8, committed: 10, end: 20)).state == .behind)
        #expect(account(facts(committed: 20, end: 20) { $0.epochEnd = 10 }).state == .behind)
    }

    @Test func `ids that a cluster does not tell say nothing`() {
        let zero = String(repeating: "0", count: 32)

        #expect(account(facts { $0.sourceTopicID = zero }).state == .complete)
        #expect(account(facts { $0.recorded?.sourceTopicID = nil }).state == .complete)
    }

    @Test func `reasons name offsets and clusters`() {
        #expect(
            account(facts(committed: 12, end: 12)).reason == "2 source offsets from 10 on have not been copied")
        #expect(
            account(facts(start: 12, committed: 20, end: 20)).reason
                == "source offsets 10 to 11 were removed on east before they were copied")
        #expect(account(facts(committed: 10, end: 13)).reason.contains("the 3 offsets from its beginning, 10, on"))
        #expect(
            account(facts(copied: nil, committed: 7, end: 7) { $0.waiting = "west is away" }).reason
                == "7 source offsets: west is away")
    }

    @Test func `a lost source takes no more with it than what was on its way`() {
        let states = Account.State.allCases.filter { state in
            Account(topic: "t", partition: 0, targetTopic: nil, state: state, reason: "so").isLossOfSource
        }
        #expect(Set(states) == [.complete, .excluded, .behind, .openTransaction, .leaderless, .unknown])
    }
}
