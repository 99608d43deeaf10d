internal import DequeModule
package import KafkaClient

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
///
/// Batches may belong to several producer ids, each with an epoch and sequences of its own. Sequences order only one
/// id, so the window changes from one to another only while nothing is in flight.
package struct ProduceWindow<Batch: Sendable>: Sendable {
    /// The most batches of one partition in flight for which brokers keep the sequences (KAFKA-5494).
    package static var largestWidth: Int { 5 }

    private var lanes: [Int64: Lane]
    /// The id of batches that name none.
    private let usualID: Int64
    /// The id that was sent under last.
    private var sendingID: Int64
    private var entries: Deque<Entry> = []
    /// Leading entries that went out since the last failure.
    private var sent = 0
    /// Answers still to come, also those of attempts that are already given up.
    private var outstanding = 0
    private var phase = Phase.proving

    /// The sequence state of one producer id.
    private struct Lane: Sendable {
        var epoch: Int16
        var nextSequence: Int32 = 0
    }

    private struct Entry: Sendable {
        let batch: Batch
        let recordCount: Int32
        var producerID: Int64
        var sequence: Int32?
        var baseOffset: Int64?

        init(batch: Batch, recordCount: Int32, producerID: Int64) {
            self.batch = batch
            self.recordCount = recordCount
            self.producerID = producerID
        }
    }

    private enum Phase {
        /// One batch at a time until the broker has acknowledged one.
        case proving
        case open
        /// A failure was seen: waiting for the answers still out.
        case settling
    }

    /// A batch to send now.
    package struct Attempt: Sendable {
        package let batch: Batch
        package let producer: ProducerIdentity
        package let sequence: Int32
        /// Sent before: the broker may have it already.
        package let isRepeated: Bool
    }

    /// A batch that the broker has, with the offset of its first record; -1 when it was recognised as a duplicate
    /// too old for the broker to tell.
    package struct Acknowledged: Sendable {
        package let batch: Batch
        package let baseOffset: Int64
    }

    package init(producer: ProducerIdentity) {
        lanes = [producer.id: Lane(epoch: producer.epoch)]
        usualID = producer.id
        sendingID = producer.id
    }

    /// The epoch that batches of this producer id are sent in; 0 for an id that was never used.
    package func epoch(of producerID: Int64) -> Int16 { lanes[producerID]?.epoch ?? 0 }

    /// The ids that are known, each with its epoch.
    package var producers: [ProducerIdentity] {
        lanes.map { ProducerIdentity(id: $0.key, epoch: $0.value.epoch) }
    }

    /// The id of batches that name none, with its epoch.
    package var usualProducer: ProducerIdentity { ProducerIdentity(id: usualID, epoch: epoch(of: usualID)) }

    /// The sequence of each id that follows on everything that has passed.
    package var nextSequences: [Int64: Int32] {
        var sequences = lanes.mapValues(\.nextSequence)
        // Behind one that was not sent yet none was.
        for entry in entries.reversed() { if let sequence = entry.sequence { sequences[entry.producerID] = sequence } }
        return sequences
    }

    package var isEmpty: Bool { entries.isEmpty }
    package var count: Int { entries.count }
    package var answersOutstanding: Int { outstanding }

    /// - Parameter producerID: nil for the one that the window was made with.
    package mutating func enqueue(_ batch: Batch, recordCount: Int32, producerID: Int64? = nil) {
        entries.append(Entry(batch: batch, recordCount: recordCount, producerID: producerID ?? usualID))
    }

    /// Sequence of the oldest batch that is not acknowledged; nil when none was sent yet.
    package var oldestSequence: Int32? { entries.first?.sequence }

    /// The batch that was enqueued last, unless it has passed.
    package var newest: Batch? { entries.last?.batch }

    /// True if ``next()`` would hand out a batch.
    package var canSend: Bool {
        switch phase {
        case .settling: return false
        case .proving: return outstanding == 0 && firstUnsent != nil
        case .open:
            guard outstanding < Self.largestWidth, let index = firstUnsent else { return false }
            return outstanding == 0 || entries[index].producerID == sendingID
        }
    }

    /// The next batch to send, which then counts as in flight until ``succeeded(sequence:baseOffset:)`` or
    /// ``failed()`` is called for it.
    package mutating func next() -> Attempt? {
        guard canSend, let index = firstUnsent else { return nil }
        sent = index + 1
        outstanding += 1
        let entry = entries[index]
        if entry.producerID != sendingID {
            sendingID = entry.producerID
            phase = .proving
        }
        let sequence = entry.sequence ?? takeSequence(for: entry)
        entries[index].sequence = sequence
        return Attempt(
            batch: entry.batch, producer: ProducerIdentity(id: entry.producerID, epoch: epoch(of: entry.producerID)),
            sequence: sequence, isRepeated: entry.sequence != nil)
    }

    /// The next batch to send, which stays where it is.
    package var upcoming: Batch? {
        canSend ? firstUnsent.map { entries[$0].batch } : nil
    }

    /// The broker has the batch with this sequence.
    ///
    /// - Returns: batches that are now acknowledged without a gap before them, oldest first.
    package mutating func succeeded(sequence: Int32, baseOffset: Int64) -> [Acknowledged] {
        answered()
        if let index = entries.firstIndex(where: { $0.sequence == sequence && $0.baseOffset == nil }) {
            entries[index].baseOffset = baseOffset
        }
        if phase == .proving { phase = .open }
        return takeDone()
    }

    private mutating func takeDone() -> [Acknowledged] {
        var done: [Acknowledged] = []
        while let first = entries.first, let baseOffset = first.baseOffset {
            entries.removeFirst()
            sent = max(0, sent - 1)
            done.append(Acknowledged(batch: first.batch, baseOffset: baseOffset))
        }
        return done
    }

    /// A batch was refused or its answer never came; it will go out again.
    package mutating func failed() {
        phase = .settling
        answered()
    }

    /// The oldest batch without an acknowledgement was found in the log, at this offset. Only when no answer is out.
    ///
    /// - Returns: it, when nothing before it still waits for an acknowledgement.
    package mutating func found(baseOffset: Int64) -> [Acknowledged] {
        precondition(outstanding == 0, "answers are outstanding")
        guard let index = entries.firstIndex(where: { $0.baseOffset == nil }) else { return [] }
        entries[index].baseOffset = baseOffset
        return takeDone()
    }

    /// The oldest batch that is not acknowledged, with its number of records; nil when there is none.
    package var oldest: (batch: Batch, recordCount: Int32)? {
        entries.first { $0.baseOffset == nil }.map { ($0.batch, $0.recordCount) }
    }

    /// A batch is acknowledged, and one before it is not although no answer is out: unless that was just not heard, the broker
    /// has taken them in another order.
    package var isOutOfOrder: Bool {
        outstanding == 0 && entries.first?.baseOffset == nil && entries.contains { $0.baseOffset != nil }
    }

    /// Everything that has not passed yet, oldest first, with its number of records: also what is acknowledged behind something
    /// that is not.
    package var batches: [(batch: Batch, recordCount: Int32)] { entries.map { ($0.batch, $0.recordCount) } }

    /// Sends acknowledged batches again that lie behind one that is not, behind it. Only when no answer is out, and
    /// before the epochs of all ids are renewed: the broker has the sequences already.
    package mutating func forgetAcknowledgements() {
        precondition(outstanding == 0, "whoever waits for answers need not forget any")
        for index in entries.indices { entries[index].baseOffset = nil }
        sent = 0
        phase = .proving
    }

    /// Starts again at sequence 0 of a new epoch, for all of this id that is not acknowledged. Only when no answer is
    /// out.
    package mutating func renew(_ identity: ProducerIdentity) {
        precondition(outstanding == 0, "an epoch changes only while nothing is in flight")
        lanes[identity.id] = Lane(epoch: identity.epoch)
        sent = 0
        phase = .proving
        for index in entries.indices where entries[index].producerID == identity.id { entries[index].sequence = nil }
    }

    /// Continues an epoch behind the last sequence that the log has, with all of this id that is not acknowledged. Only when
    /// no answer is out.
    package mutating func resume(_ stamp: ProducerStamp) {
        renew(ProducerIdentity(id: stamp.id, epoch: stamp.epoch))
        lanes[stamp.id]?.nextSequence = stamp.sequence
    }

    /// Other batches take the place of the oldest, which the broker has refused; those behind it get new numbers.
    /// Only when no answer is out.
    ///
    /// - Returns: the batch that is gone.
    package mutating func replaceOldest(with pieces: [(batch: Batch, recordCount: Int32)]) -> Batch? {
        precondition(outstanding == 0, "what is in flight cannot be replaced")
        guard let old = entries.first, old.baseOffset == nil else { return nil }
        entries.removeFirst()
        for piece in pieces.reversed() {
            entries.prepend(Entry(batch: piece.batch, recordCount: piece.recordCount, producerID: old.producerID))
        }
        if let sequence = old.sequence { lanes[old.producerID]?.nextSequence = sequence }
        for index in entries.indices where entries[index].producerID == old.producerID { entries[index].sequence = nil }
        sent = 0
        phase = .proving
        return old.batch
    }

    /// Sends batches that are not acknowledged under another id from now on. Only when no answer is out.
    package mutating func reassign(from old: Int64, to new: ProducerIdentity) {
        precondition(outstanding == 0, "what is in flight keeps its producer id")
        lanes[old] = nil
        for index in entries.indices where entries[index].producerID == old { entries[index].producerID = new.id }
        renew(new)
    }

    /// Puts batches together that wait and have never been sent, from the first of them on.
    ///
    /// - Parameters:
    ///   - limit: the size that they have together at most.
    ///   - size: nil for a batch that stays as it is.
    ///   - merge: makes one of so many of the first, or says nil when they are to stay apart.
    package mutating func mergeUnsent(
        limit: Int, size: (Batch) -> Int?, _ merge: ([Batch]) -> (batch: Batch, recordCount: Int32, count: Int)?
    ) {
        guard let first = firstUnsent else { return }
        var end = first
        var total = 0
        while end < entries.count, entries[end].sequence == nil, entries[end].producerID == entries[first].producerID,
            let bytes = size(entries[end].batch), total + bytes <= limit
        {
            total += bytes
            end += 1
        }
        guard end - first > 1, let merged = merge(entries[first..<end].map(\.batch)) else { return }
        entries[first] = Entry(
            batch: merged.batch, recordCount: merged.recordCount, producerID: entries[first].producerID)
        entries.removeSubrange(first + 1..<first + merged.count)
    }

    /// Batches not acknowledged, oldest first; for a partition that is given up.
    package mutating func abandon() -> [Batch] {
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
    private mutating func takeSequence(for entry: Entry) -> Int32 {
        let sequence = lanes[entry.producerID]?.nextSequence ?? 0
        lanes[entry.producerID, default: Lane(epoch: 0)].nextSequence = (sequence &+ entry.recordCount) & .max
        return sequence
    }
}
