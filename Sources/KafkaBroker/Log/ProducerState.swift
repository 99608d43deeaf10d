import KafkaWire

/// The state that a partition keeps of one producer id (Kafka's `ProducerStateEntry`).
struct ProducerState: Hashable {
    /// One appended batch, enough to recognise it when it comes again.
    struct Batch: Hashable {
        var firstSequence: Int32
        var lastSequence: Int32
        var firstOffset: Int64
        var lastOffset: Int64
        /// Its newest record, in milliseconds since 1970; with LogAppendTime when it was appended.
        var timestamp: Int64
    }

    /// Producers keep at most five requests in flight, so that no older batch can come again.
    static let batchesKept = 5

    let producerID: Int64
    /// -1 as long as no batch or marker has set it.
    private(set) var epoch: Int16 = -1
    private(set) var coordinatorEpoch: Int32 = -1
    private(set) var lastTimestamp: Int64 = -1
    private(set) var transactionFirstOffset: Int64?
    /// Oldest first, all of the present epoch.
    private(set) var batches: [Batch] = []

    init(producerID: Int64) {
        self.producerID = producerID
    }

    init(
        producerID: Int64, epoch: Int16, coordinatorEpoch: Int32, lastTimestamp: Int64, transactionFirstOffset: Int64?,
        batches: [Batch]
    ) {
        self.producerID = producerID
        self.epoch = epoch
        self.coordinatorEpoch = coordinatorEpoch
        self.lastTimestamp = lastTimestamp
        self.transactionFirstOffset = transactionFirstOffset
        self.batches = batches
    }

    /// -1 without batches of the present epoch: the next sequence number is 0 then.
    var lastSequence: Int32 { batches.last?.lastSequence ?? -1 }
}

// Decisions

extension ProducerState {
    /// The batch that `header` repeats, if it is one of the last five.
    func duplicate(of header: RecordBatchHeader) -> Batch? {
        guard header.producerEpoch == epoch else { return nil }
        return batches.first { $0.firstSequence == header.baseSequence && $0.lastSequence == header.lastSequence }
    }

    /// Refuses what Kafka's `ProducerAppendInfo` refuses of a client's batch that would be appended at `offset`.
    func check(_ header: RecordBatchHeader, at offset: Int64, in partition: String) throws(ProduceRefusal) {
        try check(epoch: header.producerEpoch, at: offset, in: partition)
        try checkSequence(of: header, at: offset, in: partition)
        guard transactionFirstOffset == nil || header.isTransactional else {
            throw ProduceRefusal(
                .invalidTxnState,
                "Expected transactional write from producer \(producerID) at offset \(offset) "
                    + "in partition \(partition)")
        }
    }

    func check(epoch newEpoch: Int16, at offset: Int64, in partition: String) throws(ProduceRefusal) {
        guard newEpoch >= epoch else {
            throw ProduceRefusal(
                .invalidProducerEpoch,
                "Epoch of producer \(producerID) at offset \(offset) in \(partition) is \(newEpoch), "
                    + "which is smaller than the last seen epoch \(epoch)")
        }
    }

    /// The marker of an older transaction must not end one that is open. Without an open one it is a retry.
    func checkIsRaised(epoch newEpoch: Int16, at offset: Int64, in partition: String) throws(ProduceRefusal) {
        guard newEpoch > epoch || transactionFirstOffset == nil else {
            throw ProduceRefusal(
                .invalidProducerEpoch,
                "Epoch of the marker for producer \(producerID) at offset \(offset) in \(partition) is \(newEpoch), "
                    + "which is not larger than the last seen epoch \(epoch)")
        }
    }

    private func checkSequence(
        of header: RecordBatchHeader, at offset: Int64, in partition: String
    ) throws(ProduceRefusal) {
        let first = header.baseSequence
        // Nothing is known of the producer, perhaps no longer: any sequence number may follow (P17).
        guard epoch >= 0 else { return }
        if header.producerEpoch != epoch {
            guard first == 0 else {
                throw ProduceRefusal(
                    .outOfOrderSequenceNumber,
                    "Invalid sequence number for new epoch of producer \(producerID) at offset \(offset) in partition "
                        + "\(partition): \(header.producerEpoch) (request epoch), \(first) (seq. number), "
                        + "\(epoch) (current producer epoch)")
            }
            return
        }
        guard Int64(first) == Int64(lastSequence) + 1 || (first == 0 && lastSequence == .max) else {
            throw ProduceRefusal(
                .outOfOrderSequenceNumber,
                "Out of order sequence number for producer \(producerID) at offset \(offset) "
                    + "in partition \(partition): \(first) (incoming seq. number), "
                    + "\(lastSequence) (current end sequence number)")
        }
    }

    func check(coordinatorEpoch newEpoch: Int32, at offset: Int64, in partition: String) throws(ProduceRefusal) {
        guard newEpoch >= coordinatorEpoch else {
            throw ProduceRefusal(
                .transactionCoordinatorFenced,
                "Invalid coordinator epoch for producerId \(producerID) at offset \(offset) in partition \(partition): "
                    + "\(newEpoch) (zombie), \(coordinatorEpoch) (current)")
        }
    }

    /// Kafka's rule, P16 of our research: the age counts from the newest record, and an open transaction never expires.
    func isExpired(now: Int64, after expirationMs: Int64) -> Bool {
        transactionFirstOffset == nil && now &- lastTimestamp >= expirationMs
    }
}

// Changes

extension ProducerState {
    /// Takes note of an appended batch of records; its header has the offsets and times of the log.
    mutating func append(_ header: RecordBatchHeader) {
        adopt(epoch: header.producerEpoch)
        if batches.count == Self.batchesKept { batches.removeFirst() }
        batches.append(
            Batch(
                firstSequence: header.baseSequence, lastSequence: header.lastSequence, firstOffset: header.baseOffset,
                lastOffset: header.lastOffset, timestamp: header.maxTimestamp))
        lastTimestamp = header.maxTimestamp
        if header.isTransactional, transactionFirstOffset == nil { transactionFirstOffset = header.baseOffset }
    }

    /// Takes note of a marker; returns where the transaction began that it ends, if there was one.
    mutating func endTransaction(epoch: Int16, coordinatorEpoch: Int32, timestamp: Int64) -> Int64? {
        adopt(epoch: epoch)
        self.coordinatorEpoch = coordinatorEpoch
        lastTimestamp = timestamp
        defer { transactionFirstOffset = nil }
        return transactionFirstOffset
    }

    private mutating func adopt(epoch newEpoch: Int16) {
        guard newEpoch != epoch else { return }
        batches = []
        epoch = newEpoch
    }
}
