import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// Copies that keep the offsets of their source, without a cluster.
struct OffsetAlignmentTests {
    @Test(arguments: 0..<40)
    func `whatever happens, each record gets its source's offset or none`(seed: Int) throws {
        let start: Int64 = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 7 : 730
        var model = try AlignmentModel(seed: UInt64(seed), start: start)
        for number in 0..<600 {
            try model.step(faults: true)
            if let flaw = try model.flaw() {
                Issue.record("seed \(seed), step \(number): \(flaw)")
                return
            }
        }
        try model.endSource()
        var left = 20_000
        while !model.isDone, left > 0 {
            try model.step(faults: false)
            left -= 1
        }
        #expect(try model.flaw() == nil, "seed \(seed)")
        #expect(model.isDone, "seed \(seed): the target ends at \(model.log.end) of \(model.sourceEnd)")
        #expect(model.partition.accounting.imbalance(passed: model.partition.completedOffset) == 0)
        #expect(
            try AlignmentModel.records(model.log.batches, from: start)
                == AlignmentModel.records(model.source, from: start))
    }

    @Test func `a batch is sent only when everything before it is written or on its way`() throws {
        let alignment = OffsetAlignment(start: 0)
        #expect(alignment.work(end: 5, next: 5) == nil)
        #expect(alignment.work(end: 5, next: 8) == .markers(5..<8))
        #expect(alignment.work(end: 5, next: 1_000_000) == .markers(5..<5 + OffsetAlignment.mostMarkers))
    }
}
