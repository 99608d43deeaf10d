import KafkaCompression
import KafkaWire
import NIOCore

extension Partition {
    /// The reason why a node may not serve a request that knows the leader epoch `epoch` (-1 for none); nil when it
    /// may.
    func refusal(at node: Node, epoch: Int32, isFollowerEnough: Bool = false) -> ErrorCode? {
        let isServing = leader == node.id || (isFollowerEnough && isr.contains(node.id) && leader >= 0)
        guard isServing else { return .notLeaderOrFollower }
        if epoch >= 0, epoch < leaderEpoch { return .fencedLeaderEpoch }
        if epoch > leaderEpoch { return .unknownLeaderEpoch }
        return log.offlineReason == nil ? nil : .kafkaStorageError
    }

    /// Reads what a fetch gets of this partition.
    ///
    /// - Parameters:
    ///   - mayExceed: whether a first batch larger than `maxBytes` is returned all the same.
    ///   - budget: for what has to be decompressed to be written in an older format.
    func read(
        _ wanted: FetchRequest.FetchPartition, isCommittedOnly: Bool, maxBytes: Int, mayExceed: Bool, version: Int16,
        budget: WorkBudget
    ) -> FetchResponse.PartitionData {
        var data = FetchResponse.PartitionData()
        data.partitionIndex = index
        data.highWatermark = log.highWatermark
        data.lastStableOffset = log.lastStableOffset
        data.logStartOffset = log.logStartOffset
        data.abortedTransactions = isCommittedOnly ? [] : nil
        data.records = RecordBytes(ByteBuffer())
        if wanted.lastFetchedEpoch >= 0 {
            let end = log.endOffset(forLeaderEpoch: wanted.lastFetchedEpoch)
            guard end.epoch >= 0 else { return .refused(index, .offsetOutOfRange) }
            if end.epoch < wanted.lastFetchedEpoch || end.endOffset < wanted.fetchOffset {
                data.divergingEpoch.epoch = end.epoch
                data.divergingEpoch.endOffset = end.endOffset
                return data
            }
        }
        let limit = isCommittedOnly ? log.lastStableOffset : log.highWatermark
        do throws(LogReadError) {
            let slice = try log.read(
                from: wanted.fetchOffset, maxBytes: maxBytes, minOneBatch: mayExceed, upTo: limit)
            guard !slice.isEmpty else { return data }
            if isCommittedOnly { data.abortedTransactions = aborted(wanted.fetchOffset..<slice.nextOffset) }
            if version >= 10 {
                data.records = slice.records
            } else if let records = LegacyFetch.records(
                slice.records, from: wanted.fetchOffset, version: version, maxBytes: maxBytes, budget)
            {
                data.records = records
            } else {
                return .refused(index, .unsupportedCompressionType)
            }
            return data
        } catch {
            data.errorCode = error.code
            if error.code == .offsetOutOfRange { data.highWatermark = -1 }
            data.lastStableOffset = -1
            data.logStartOffset = -1
            return data
        }
    }

    private func aborted(_ range: Range<Int64>) -> [FetchResponse.AbortedTransaction] {
        log.abortedTransactions(in: range).map { transaction in
            var entry = FetchResponse.AbortedTransaction()
            entry.producerID = transaction.producerID
            entry.firstOffset = transaction.firstOffset
            return entry
        }
    }
}

/// Answers that clients of older Fetch versions can read.
enum LegacyFetch {
    /// The records in the format of the version; nil when they are in zstd, which versions before 10 do not know.
    ///
    /// Messages end where `maxBytes` are reached, after one at least: a batch that is small in the log may stand for far
    /// more. A request that has used up its budget gets none.
    static func records(
        _ records: RecordBytes, from offset: Int64, version: Int16, maxBytes: Int, _ budget: WorkBudget
    ) -> RecordBytes? {
        var entries = LogEntryReader(records.contiguous)
        guard version < 4 else {
            while let entry = try? entries.next() {
                if case .batch(let batch) = entry, batch.header.codec == .zstd { return nil }
            }
            return records
        }
        var messages = LegacyMessageWriter(magic: version < 2 ? 0 : 1)
        while messages.sizeInBytes <= maxBytes, !budget.isSpent, let entry = try? entries.next() {
            guard case .batch(let batch) = entry, !batch.header.isControl else { continue }
            // What is left out here must not be passed over: the client would continue behind it.
            guard var reader = try? budget.records(of: batch) else {
                if budget.isSpent { break }
                continue
            }
            while messages.recordCount == 0 || messages.sizeInBytes <= maxBytes, let record = try? reader.next() {
                if record.offset >= offset { messages.append(record) }
            }
        }
        return RecordBytes(messages.messageSet)
    }
}
