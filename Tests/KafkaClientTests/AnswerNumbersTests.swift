import KafkaClient
import KafkaWire
import NIOCore
import Testing

/// Numbers in answers that cannot be true, where they enter.
@Suite struct AnswerNumbersTests {
    private static let impossible: [Int64] = [.min, -2, .max, LogOffset.largest + 1]

    private static func fetched(_ edit: (inout FetchResponse.PartitionData) -> Void) throws -> FetchedPartition {
        var session = FetchSessionTests.session(0..<1)
        _ = session.request(version: 12)
        var answer = FetchSessionTests.answer(session: 7, [0])
        edit(&answer.responses[0].partitions[0])
        return try #require(try session.accept(answer).first)
    }

    @Test(arguments: impossible) func `nothing of a fetched partition is believed beside such a number`(
        value: Int64
    ) throws {
        let edits: [(String, (inout FetchResponse.PartitionData) -> Void)] = [
            ("high watermark", { $0.highWatermark = value }),
            ("last stable offset", { $0.lastStableOffset = value }),
            ("log start offset", { $0.logStartOffset = value }),
            (
                "aborted transaction",
                {
                    var aborted = FetchResponse.AbortedTransaction()
                    aborted.firstOffset = value
                    $0.abortedTransactions = [aborted]
                }
            ),
            (
                "diverging epoch",
                {
                    $0.divergingEpoch.epoch = 3
                    $0.divergingEpoch.endOffset = value
                }
            ),
        ]
        for (name, edit) in edits {
            let fetched = try Self.fetched(edit)

            #expect(fetched.flaw?.contains(name) == true && fetched.flaw?.contains("\(value)") == true)
            #expect(fetched.records == nil && fetched.abortedTransactions.isEmpty && fetched.divergingEpoch == nil)
            #expect([fetched.highWatermark, fetched.lastStableOffset, fetched.logStartOffset] == [-1, -1, -1])
        }
    }

    @Test func `an answer that can be true is believed`() throws {
        let fetched = try Self.fetched { $0.highWatermark = LogOffset.largest }

        #expect(fetched.flaw == nil && fetched.highWatermark == LogOffset.largest && fetched.records != nil)
    }

    @Test(arguments: impossible) func `nor is a produced offset`(value: Int64) {
        var answer = ProduceResponse.PartitionProduceResponse()
        answer.baseOffset = value
        #expect(answer.flaw == "base offset \(value)")
        answer.baseOffset = 5
        answer.logStartOffset = value
        #expect(answer.flaw == "log start offset \(value)")
    }

    @Test func `plausible offsets of as many partitions as a cluster has can be added up`() {
        #expect([Int64](repeating: LogOffset.largest, count: 32_767).reduce(0, +) > 0)
    }

    @Test func `a sum that is too large is the nearest number`() {
        #expect([Int64](repeating: .max / 3, count: 100).saturatingSum() == .max)
        #expect([Int64](repeating: .min / 3, count: 100).saturatingSum() == .min)
        #expect([1, 2, 3].saturatingSum() == 6)
    }

    @Test func `a broker gets a minute of silence at a time`() {
        #expect(ThrottleTime.bounded(milliseconds: .max) == (60_000, true))
        #expect(ThrottleTime.bounded(milliseconds: 250) == (250, false))
        #expect(ThrottleTime.bounded(milliseconds: .min) == (0, false))
    }
}
