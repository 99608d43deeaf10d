package import KafkaWire
import NIOCore

/// The place of an append, as the produce response tells it.
package struct AppendResult: Hashable, Sendable {
    package let baseOffset: Int64
    package let lastOffset: Int64
    /// Milliseconds since 1970; -1 if records carry the producer's time.
    package let logAppendTime: Int64
    package let logStartOffset: Int64
    /// Bytes by which the log grew; 0 for a duplicate.
    package let sizeInBytes: Int
    /// The batch was in the log already; the offsets are those that it got then.
    package let isDuplicate: Bool
}

extension PartitionLog {
    /// Appends the `records` field of a Produce request.
    ///
    /// That the coordinator knows of a transaction is the caller's to ask: ``hasOpenTransaction(producerID:epoch:)``.
    ///
    /// - Parameters:
    ///   - produceVersion: the request's version; it decides which formats are allowed.
    ///   - now: the broker's clock, in milliseconds since 1970.
    ///   - budget: shared by all parts of one request.
    /// - Throws: Kafka's error code and message; nothing was appended then.
    package func append(
        _ records: RecordBytes, leaderEpoch: Int32, produceVersion: Int16, now: Int64,
        origin: AppendOrigin = .client, budget: WorkBudget = WorkBudget()
    ) throws(ProduceRefusal) -> AppendResult {
        let validator = BatchValidator(
            partition: name, config: config, leaderEpoch: leaderEpoch, version: produceVersion, origin: origin,
            now: now, nextOffset: logEndOffset, budget: budget)
        let batch = try validator.prepare(records)
        guard batch.header.sizeInBytes <= config.segmentBytes else {
            throw ProduceRefusal(
                .recordListTooLarge,
                "Message batch size is \(batch.header.sizeInBytes) bytes in append to partition \(name), which exceeds "
                    + "the maximum configured segment size of \(config.segmentBytes).")
        }
        if batch.header.producerID >= 0, origin == .client {
            let state = producerTable.state(of: batch.header.producerID)
            if let earlier = state.duplicate(of: batch.header) { return answer(to: earlier) }
            try state.check(batch.header, at: logEndOffset, in: name)
        } else if batch.header.producerID >= 0 {
            // A coordinator writes offsets into a producer's transaction: without sequence numbers, but fenced.
            try producerTable.state(of: batch.header.producerID)
                .check(epoch: batch.header.producerEpoch, at: logEndOffset, in: name)
        }
        try write(batch, marker: nil, now: now)
        return AppendResult(
            baseOffset: batch.header.baseOffset, lastOffset: batch.header.lastOffset,
            logAppendTime: config.messageTimestampType == .logAppendTime ? now : -1, logStartOffset: logStartOffset,
            sizeInBytes: batch.header.sizeInBytes, isDuplicate: false)
    }

    /// Ends a producer's transaction on this partition, or leaves a marker without effect if none is open
    /// (research D5). Returns the marker's offset.
    ///
    /// - Parameter transactionVersion: from 2 on the end of a transaction has a higher epoch than its records (KIP-1228).
    package func appendControlMarker(
        producerID: Int64, epoch: Int16, commit: Bool, coordinatorEpoch: Int32, leaderEpoch: Int32,
        transactionVersion: Int16 = 0, now: Int64
    ) throws(ProduceRefusal) -> Int64 {
        let state = producerTable.state(of: producerID)
        try state.check(epoch: epoch, at: logEndOffset, in: name)
        if transactionVersion >= 2 { try state.checkIsRaised(epoch: epoch, at: logEndOffset, in: name) }
        try state.check(coordinatorEpoch: coordinatorEpoch, at: logEndOffset, in: name)
        let marker = ControlRecord(kind: commit ? .commit : .abort, coordinatorEpoch: coordinatorEpoch)
        let batch: PreparedBatch
        do throws(WireError) {
            batch = try PreparedBatch(
                ControlRecord.markerBatch(
                    marker.kind, producerID: producerID, producerEpoch: epoch, coordinatorEpoch: coordinatorEpoch,
                    timestamp: now, baseOffset: logEndOffset, partitionLeaderEpoch: leaderEpoch)
            ) { _ in }
        } catch {
            throw ProduceRefusal(.unknownServerError, "transaction marker: \(error)")
        }
        try write(batch, marker: marker, now: now)
        return batch.header.baseOffset
    }

    /// A duplicate is answered as the batch was. Kafka gives its newest record's time as the append time even if
    /// records carry the producer's; the protocol's own words are -1 then, and so are ours.
    private func answer(to earlier: ProducerState.Batch) -> AppendResult {
        AppendResult(
            baseOffset: earlier.firstOffset, lastOffset: earlier.lastOffset,
            logAppendTime: config.messageTimestampType == .logAppendTime ? earlier.timestamp : -1,
            logStartOffset: logStartOffset, sizeInBytes: 0, isDuplicate: true)
    }

    private func write(_ batch: PreparedBatch, marker: ControlRecord?, now: Int64) throws(ProduceRefusal) {
        do throws(LogError) {
            try guarded { () throws(LogError) in try store(batch, marker: marker, now: now) }
        } catch {
            throw ProduceRefusal(error)
        }
    }

    private func store(_ batch: PreparedBatch, marker: ControlRecord?, now: Int64) throws(LogError) {
        let header = batch.header
        try markDirty()
        if activeSegment.shouldRoll(for: header, config, jitterMs: segmentJitter, now: now) { try roll(now: now) }
        let segment = activeSegment
        try segment.append(
            header, head: batch.head, payload: batch.payload, indexIntervalBytes: config.indexIntervalBytes, now: now)

        logEndOffset = header.nextOffset
        highWatermark = logEndOffset
        if epochs.assign(header.partitionLeaderEpoch, at: header.baseOffset) { saveEpochs() }
        if let aborted = producerTable.append(header, marker: marker) { segment.aborted.add(aborted) }
        unflushedRecords += Int64(header.recordCount)
        if unflushedRecords >= config.flushMessages { try flushSegments(now: now) }
    }

    /// The time that `segment.jitter.ms` takes off this segment's age: the same for as long as it is the active one.
    private var segmentJitter: Int64 {
        let limit = min(config.segmentJitterMs, config.segmentMs)
        guard limit > 0 else { return 0 }
        var dice = UInt64(bitPattern: activeSegment.baseOffset) &+ UInt64(UInt32(bitPattern: partition))
        for byte in topic.utf8 { dice = (dice ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int64(dice % UInt64(limit))
    }
}
