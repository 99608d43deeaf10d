import KafkaClient
import KafkaWire
import Replication
import TestSupport
import Testing

@Suite(.printsSeed) struct ProduceWindowTests {
    private func window(_ batches: String...) -> ProduceWindow<String> {
        var window = ProduceWindow<String>(producer: ProducerIdentity(id: 7, epoch: 0))
        for batch in batches { window.enqueue(batch, recordCount: 10) }
        return window
    }

    /// Sends and acknowledges one batch, so that the window is open.
    private func opened(_ batches: String...) -> ProduceWindow<String> {
        var window = window("first")
        _ = window.next()
        _ = window.succeeded(sequence: 0, baseOffset: 0)
        for batch in batches { window.enqueue(batch, recordCount: 10) }
        return window
    }

    private func send(_ window: inout ProduceWindow<String>) -> [String] {
        var sent: [String] = []
        while let attempt = window.next() { sent.append("\(attempt.batch)@\(attempt.sequence)") }
        return sent
    }

    @Test func `one batch goes out alone until the broker has acknowledged it`() {
        var window = window("a", "b", "c")

        #expect(send(&window) == ["a@0"])
        let done = window.succeeded(sequence: 0, baseOffset: 100)
        #expect(done.map(\.baseOffset) == [100])
        #expect(send(&window) == ["b@10", "c@20"])
    }

    @Test func `five batches are in flight at most`() {
        var window = opened("a", "b", "c", "d", "e", "f")

        #expect(send(&window) == ["a@10", "b@20", "c@30", "d@40", "e@50"])
        _ = window.succeeded(sequence: 10, baseOffset: 0)
        #expect(send(&window) == ["f@60"])
    }

    @Test func `after a failure nothing goes out until all answers have come, then all of it again in order`() {
        var window = opened("a", "b", "c")
        #expect(send(&window) == ["a@10", "b@20", "c@30"])

        window.failed()
        #expect(send(&window) == [])
        window.failed()
        #expect(send(&window) == [])
        window.failed()

        #expect(send(&window) == ["a@10"])
        _ = window.succeeded(sequence: 10, baseOffset: 5)
        #expect(send(&window) == ["b@20", "c@30"])
    }

    @Test func `a batch that arrived although an earlier answer was lost is not sent again`() {
        var window = opened("a", "b", "c")
        _ = send(&window)

        window.failed()
        let early = window.succeeded(sequence: 20, baseOffset: 50)
        #expect(early.isEmpty)
        window.failed()

        let again = window.next()
        #expect(again?.batch == "a")
        #expect(again?.isRepeated == true)
        let done = window.succeeded(sequence: 10, baseOffset: 40)
        #expect(done.map(\.batch) == ["a", "b"])
        #expect(send(&window) == ["c@30"])
    }

    @Test func `a new epoch begins at sequence 0 with everything that is not acknowledged`() {
        var window = opened("a", "b")
        _ = send(&window)
        window.failed()
        window.failed()

        window.renew(ProducerIdentity(id: 7, epoch: 1))

        let first = window.next()
        #expect(first?.sequence == 0)
        #expect(first?.producer.epoch == 1)
        #expect(!window.canSend)
        _ = window.succeeded(sequence: 0, baseOffset: 1)
        let second = window.next()
        #expect(second?.sequence == 10)
    }

    @Test func `sequences wrap from the largest to 0 as brokers count them`() {
        var window = ProduceWindow<String>(producer: ProducerIdentity(id: 7, epoch: 0))
        window.enqueue("a", recordCount: .max)
        window.enqueue("b", recordCount: 3)
        window.enqueue("c", recordCount: 1)

        #expect(send(&window) == ["a@0"])
        _ = window.succeeded(sequence: 0, baseOffset: 0)

        #expect(send(&window) == ["b@\(Int32.max)", "c@2"])
    }

    @Test func `what is abandoned comes back oldest first, and late answers do no harm`() {
        var window = opened("a", "b")
        _ = send(&window)

        let abandoned = window.abandon()
        #expect(abandoned == ["a", "b"])
        let late = window.succeeded(sequence: 10, baseOffset: 3)
        #expect(late.isEmpty)
        #expect(window.isEmpty)
    }

    /// Against a model broker that deduplicates as Kafka does, under seeded losses of requests and of answers: every
    /// batch ends up in the log once, in order.
    @Test(arguments: 0..<200) func `no schedule of failures loses, doubles or reorders`(seed: UInt64) {
        var random = seeded(seed)
        var window = ProduceWindow<Int>(producer: ProducerIdentity(id: 1, epoch: 0))
        var broker = ModelBroker()
        var inFlight: [(sequence: Int32, answer: Int64?)] = []
        var enqueued = 0
        var acknowledged: [Int] = []
        while acknowledged.count < 50 {
            if enqueued < 50, random.next() % 2 == 0 {
                window.enqueue(enqueued, recordCount: 1)
                enqueued += 1
            }
            if let attempt = window.next() {
                let isLost = random.next() % 8 == 0
                let answer = isLost ? nil : broker.append(attempt.batch, sequence: attempt.sequence)
                inFlight.append((attempt.sequence, random.next() % 8 == 0 ? nil : answer))
            }
            if !inFlight.isEmpty, random.next() % 2 == 0 {
                let (sequence, answer) = inFlight.removeFirst()
                if let answer {
                    acknowledged += window.succeeded(sequence: sequence, baseOffset: answer).map(\.batch)
                } else {
                    window.failed()
                }
            }
        }
        #expect(acknowledged == Array(0..<50))
        #expect(broker.log == Array(0..<50))
    }
}

/// One partition's log with Kafka's check of sequences.
private struct ModelBroker {
    var log: [Int] = []
    private var offsets: [Int32: Int64] = [:]
    private var expected: Int32 = 0

    mutating func append(_ batch: Int, sequence: Int32) -> Int64? {
        if let known = offsets[sequence] { return known }
        guard sequence == expected || log.isEmpty else { return nil }
        expected = sequence + 1
        offsets[sequence] = Int64(log.count)
        log.append(batch)
        return offsets[sequence]
    }
}

private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
    }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

@Suite(.printsSeed) struct ProduceWindowLanesTests {
    private func window(_ batches: (String, Int64)...) -> ProduceWindow<String> {
        var window = ProduceWindow<String>(producer: ProducerIdentity(id: 7, epoch: 3))
        window.enqueue("first", recordCount: 10)
        _ = window.next()
        _ = window.succeeded(sequence: 0, baseOffset: 0)
        for (batch, id) in batches { window.enqueue(batch, recordCount: 10, producerID: id) }
        return window
    }

    private func send(_ window: inout ProduceWindow<String>) -> [String] {
        var sent: [String] = []
        while let attempt = window.next() { sent.append("\(attempt.producer.id):\(attempt.batch)@\(attempt.sequence)") }
        return sent
    }

    @Test func `another producer id waits until nothing is in flight, and proves itself first`() {
        var window = window(("a", 7), ("b", 8), ("c", 8), ("d", 7))

        #expect(send(&window) == ["7:a@10"])
        _ = window.succeeded(sequence: 10, baseOffset: 10)
        #expect(send(&window) == ["8:b@0"])
        _ = window.succeeded(sequence: 0, baseOffset: 20)
        #expect(send(&window) == ["8:c@10"])
        _ = window.succeeded(sequence: 10, baseOffset: 30)
        #expect(send(&window) == ["7:d@20"])
    }

    @Test func `batches found in the log are acknowledged, the others go out in the new epoch`() {
        var window = window(("a", 7), ("b", 7), ("c", 7))
        #expect(send(&window).count == 3)
        for _ in 0..<3 { window.failed() }

        #expect(window.found(baseOffset: 10).map(\.batch) == ["a"])
        window.renew(ProducerIdentity(id: 7, epoch: 4))
        let next = window.next()
        #expect(next?.batch == "b" && next?.sequence == 0 && next?.producer.epoch == 4)
    }

    @Test func `pieces take the place and the sequences of a refused batch`() {
        var window = window(("a", 7), ("b", 7))
        #expect(send(&window) == ["7:a@10", "7:b@20"])
        window.failed()
        window.failed()

        #expect(window.replaceOldest(with: [("a1", 4), ("a2", 5)]) == "a")
        #expect(send(&window) == ["7:a1@10"])
        _ = window.succeeded(sequence: 10, baseOffset: 10)
        #expect(send(&window) == ["7:a2@14", "7:b@19"])
    }

    @Test func `batches of one producer id that were never sent are put together up to the limit`() {
        var window = window(("a", 7), ("b", 7), ("c", 7), ("d", 8))

        window.mergeUnsent(limit: 2, size: { _ in 1 }) { ($0.joined(), Int32(10 * $0.count), $0.count) }
        #expect(send(&window) == ["7:ab@10", "7:c@30"])
    }
}
