internal import DequeModule

/// Who an idempotent batch says it comes from.
public struct ProducerIdentity: Hashable, Sendable {
    public var id: Int64
    public var epoch: Int16

    public init(id: Int64, epoch: Int16) {
        self.id = id
        self.epoch = epoch
    }
}

/// The order of one partition's batches on their way to the broker: sequences, the in-flight window, and what is
/// sent again after a failure. Pure: no I/O, no clock.
///
/// ```
///   ◀─ acknowledged ─ │ e0 │ e1 │ e2 │ e3 │ e4 │ ─ enqueued
///                       └─ in flight ─┘  └ waiting
/// ```
///
/// A batch keeps its sequence for ever, so a broker that already has it answers with the offset it got the first
/// time. After any failure nothing more is sent until every answer that is still out has come; then everything that
/// is not acknowledged goes out again, in order. Until a first batch is acknowledged the window is one batch wide: a
/// broker without producer state accepts any sequence, so two batches could otherwise change places
/// (Kafka's `ProducerAppendInfo.checkSequence`).
public struct ProduceWindow<Batch: Sendable>: Sendable {
    /// The most batches of one partition in flight for which brokers keep the sequences (KAFKA-5494).
    public static var largestWidth: Int { 5 }

    public private(set) var producer: ProducerIdentity
    private var entries: Deque<Entry> = []
    /// Leading entries that went out since the last failure.
    private var sent = 0
    /// Answers still to come, also those of attempts that are already given up.
    private var outstanding = 0
    private var nextSequence: Int32 = 0
    private var phase = Phase.proving

    private struct Entry: Sendable {
        let batch: Batch
        let recordCount: Int32
        var sequence: Int32?
        var baseOffset: Int64?
    }

    private enum Phase {
        /// One batch at a time until the broker has acknowledged one.
        case proving
        case open
        /// A failure was seen: waiting for the answers still out.
        case settling
    }

    /// A batch to send now.
    public struct Attempt: Sendable {
        public let batch: Batch
        public let producer: ProducerIdentity
        public let sequence: Int32
        /// Sent before: the broker may have it already.
        public let isRepeated: Bool
    }

    /// A batch that the broker has, with the offset of its first record; -1 when it was recognised as a duplicate
    /// too old for the broker to tell.
    public struct Acknowledged: Sendable {
        public let batch: Batch
        public let baseOffset: Int64
    }

    public init(producer: ProducerIdentity) {
        self.producer = producer
    }

    public var isEmpty: Bool { entries.isEmpty }
    public var count: Int { entries.count }
    public var answersOutstanding: Int { outstanding }

    public mutating func enqueue(_ batch: Batch, recordCount: Int32) {
        entries.append(Entry(batch: batch, recordCount: recordCount, sequence: nil, baseOffset: nil))
    }

    /// Sequence of the oldest batch that is not acknowledged; nil when none was sent yet.
    public var oldestSequence: Int32? { entries.first?.sequence }

    /// Whether ``next()`` would hand out a batch.
    public var canSend: Bool {
        switch phase {
        case .settling: false
        case .proving: outstanding == 0 && firstUnsent != nil
        case .open: outstanding < Self.largestWidth && firstUnsent != nil
        }
    }

    /// The next batch to send, which then counts as in flight until ``succeeded(sequence:baseOffset:)`` or
    /// ``failed()`` is called for it.
    public mutating func next() -> Attempt? {
        guard canSend, let index = firstUnsent else { return nil }
        sent = index + 1
        outstanding += 1
        let isRepeated = entries[index].sequence != nil
        let sequence = entries[index].sequence ?? takeSequence(for: entries[index].recordCount)
        entries[index].sequence = sequence
        return Attempt(batch: entries[index].batch, producer: producer, sequence: sequence, isRepeated: isRepeated)
    }

    /// The next batch to send, looked at only.
    public var upcoming: Batch? {
        canSend ? firstUnsent.map { entries[$0].batch } : nil
    }

    /// The broker has the batch with this sequence.
    ///
    /// - Returns: batches that are now acknowledged without a gap before them, oldest first.
    public mutating func succeeded(sequence: Int32, baseOffset: Int64) -> [Acknowledged] {
        answered()
        if let index = entries.firstIndex(where: { $0.sequence == sequence && $0.baseOffset == nil }) {
            entries[index].baseOffset = baseOffset
        }
        if phase == .proving { phase = .open }
        var done: [Acknowledged] = []
        while let first = entries.first, let baseOffset = first.baseOffset {
            entries.removeFirst()
            sent = max(0, sent - 1)
            done.append(Acknowledged(batch: first.batch, baseOffset: baseOffset))
        }
        return done
    }

    /// A batch was refused or its answer never came; it will go out again.
    public mutating func failed() {
        phase = .settling
        answered()
    }

    /// Starts again at sequence 0 of a new epoch, for all that is not acknowledged. Only when no answer is out.
    public mutating func renew(_ identity: ProducerIdentity) {
        precondition(outstanding == 0, "an epoch changes only while nothing is in flight")
        producer = identity
        nextSequence = 0
        sent = 0
        phase = .proving
        for index in entries.indices { entries[index].sequence = nil }
    }

    /// Batches not acknowledged, oldest first; for a partition that is given up.
    public mutating func abandon() -> [Batch] {
        defer { entries.removeAll() }
        return entries.map(\.batch)
    }

    private var firstUnsent: Int? {
        var index = sent
        while index < entries.count {
            if entries[index].baseOffset == nil { return index }
            index += 1
        }
        return nil
    }

    private mutating func answered() {
        outstanding -= 1
        guard phase == .settling, outstanding == 0 else { return }
        sent = 0
        phase = .proving
    }

    /// Sequences wrap from 2^31-1 to 0 (Kafka's `DefaultRecordBatch.incrementSequence`).
    private mutating func takeSequence(for recordCount: Int32) -> Int32 {
        defer { nextSequence = (nextSequence &+ recordCount) & .max }
        return nextSequence
    }
}
