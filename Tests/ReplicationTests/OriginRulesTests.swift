import KafkaWire
import Replication
import Testing

/// Judgement of a batch by its producer id.
@Suite struct OriginRulesTests {
    private func rules(isIdentical: Bool = true, stamps: Bool = false) -> OriginRules {
        OriginRules(sourceCluster: "S", targetCluster: "T", isIdentical: isIdentical, stamps: stamps)
    }

    private func batch(_ producerID: Int64) -> RecordBatchHeader {
        var header = RecordBatchHeader()
        header.producerID = producerID
        return header
    }

    @Test func `in prefixed naming no producer id is looked up`() {
        var rules = rules(isIdentical: false)
        #expect(rules.judge(batch(5)) == .needs(.producer(rules.usual)))
        rules.producerIDs[rules.usual] = 7
        #expect(rules.judge(batch(5)) == .copies(producerID: 7, chain: [], looksInside: false))
    }

    @Test func `in identical naming an unknown producer id is looked up first, none at all is not`() {
        var rules = rules()
        rules.producerIDs[rules.usual] = 7
        #expect(rules.judge(batch(5)) == .needs(.origin(5)))
        #expect(rules.judge(batch(-1)) == .copies(producerID: 7, chain: [], looksInside: false))
        rules.learn([5], [:])
        #expect(rules.judge(batch(5)) == .copies(producerID: 7, chain: [], looksInside: false))
    }

    @Test func `a target that has lost its records gets those back that have been there`() {
        var rules = rules()
        rules.learn([5], [5: Provenance(chain: ["T"], carriesHeaders: false)])
        let way = Provenance(chain: ["T", "S"], carriesHeaders: false)

        #expect(rules.judge(batch(5), refills: true) == .needs(.producer(way)))
        rules.producerIDs[way] = 9
        #expect(rules.judge(batch(5), refills: true) == .copies(producerID: 9, chain: ["T"], looksInside: false))
        #expect(rules.judge(batch(5)) == .loop)
    }

    @Test func `records with headers, too`() {
        let header = RecordHeader(
            key: LoopHeader.keyBytes,
            value: LoopHeader(
                originCluster: "T", originTopicID: .zero, originPartition: 0, originOffset: 4, chain: ["T"]
            ).encode())
        let loopGuard = LoopGuard(sourceCluster: "S", targetCluster: "T", topicID: .zero, partition: 0, stamps: false)

        #expect(loopGuard.verdict(on: [header]) == .drop)
        #expect(loopGuard.verdict(on: [header], refills: true) == .keep)
    }

    @Test func `a batch that has been on the target is a loop`() {
        var rules = rules()
        rules.learn([5, 6], [5: Provenance(chain: ["T"], carriesHeaders: false)])
        #expect(rules.judge(batch(5)) == .loop)
        rules.learn([6], [6: Provenance(chain: ["A", "T", "B"], carriesHeaders: true)])
        #expect(rules.judge(batch(6)) == .loop)
    }

    @Test func `a batch from elsewhere goes on under an id of its own, unless records are stamped`() {
        let from = Provenance(chain: ["A"], carriesHeaders: true)
        let onward = Provenance(chain: ["A", "S"], carriesHeaders: true)
        var byID = rules()
        byID.learn([5], [5: from])
        #expect(byID.judge(batch(5)) == .needs(.producer(onward)))
        byID.producerIDs[onward] = 8
        #expect(byID.judge(batch(5)) == .copies(producerID: 8, chain: ["A"], looksInside: true))

        var stamping = rules(stamps: true)
        stamping.learn([5], [5: from])
        stamping.producerIDs[stamping.usual] = 7
        #expect(stamping.judge(batch(5)) == .copies(producerID: 7, chain: ["A"], looksInside: true))
    }

    @Test func `producers are examined once, until too many are known`() {
        var rules = rules()
        #expect(!rules.isExamined(5))
        rules.examined([5])
        #expect(rules.isExamined(5))
        rules.examined(Set(100..<200_000))
        rules.examined([6])
        #expect(!rules.isExamined(5) && rules.isExamined(6))
    }
}
