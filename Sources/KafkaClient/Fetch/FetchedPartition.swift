public import KafkaWire

/// The position from which a partition is read next.
public struct FetchPosition: Sendable, Hashable {
    public var topic: String
    /// Zero when the cluster has no topic ids.
    public var topicID: KafkaUUID
    public var partition: Int32
    public var fetchOffset: Int64
    /// At most about this many bytes of this partition in one answer; one batch comes in any case.
    public var maxBytes: Int32
    /// The leader epoch known from metadata, -1 if unknown; lets the broker refuse when we know more or less than it.
    public var currentLeaderEpoch: Int32
    /// The epoch of the last batch read, -1 if unknown; with it the broker notices that the log was truncated.
    public var lastFetchedEpoch: Int32

    public init(
        topic: String, topicID: KafkaUUID = .zero, partition: Int32, fetchOffset: Int64, maxBytes: Int32 = 1 << 20,
        currentLeaderEpoch: Int32 = -1, lastFetchedEpoch: Int32 = -1
    ) {
        self.topic = topic
        self.topicID = topicID
        self.partition = partition
        self.fetchOffset = fetchOffset
        self.maxBytes = maxBytes
        self.currentLeaderEpoch = currentLeaderEpoch
        self.lastFetchedEpoch = lastFetchedEpoch
    }

    public var topicPartition: TopicPartition { TopicPartition(topic, partition) }
}

/// The part of an answer about one partition.
public struct FetchedPartition: Sendable {
    public var topic: String
    public var topicID: KafkaUUID
    public var partition: Int32
    /// The offset that was asked for. When the position has been moved since, the records are not those wanted now.
    public var fetchOffset: Int64
    public var errorCode: ErrorCode
    /// A number in the answer that cannot be true, with its name; then nothing of the answer is believed. Nil for an
    /// answer that can be true.
    public var flaw: String?
    public var highWatermark: Int64
    /// The offset at which reading committed records ends; -1 before version 4.
    public var lastStableOffset: Int64
    public var logStartOffset: Int64
    public var abortedTransactions: [FetchResponse.AbortedTransaction]
    /// Whole batches, of which the first may begin before `fetchOffset` and the last may be cut short.
    public var records: RecordBytes?
    /// Set when the log has been truncated below what was read: where the epochs part (KIP-595).
    public var divergingEpoch: FetchResponse.EpochEndOffset?
    /// The leader as the answering broker knows it, given along with NOT_LEADER and fenced epochs (KIP-951).
    public var currentLeader: FetchResponse.LeaderIDAndEpoch?
    /// A replica nearer to `rackID` to read from (KIP-392).
    public var preferredReadReplica: Int32?

    public var topicPartition: TopicPartition { TopicPartition(topic, partition) }

    package init(_ data: FetchResponse.PartitionData, asked: FetchPosition) {
        topic = asked.topic
        topicID = asked.topicID
        partition = asked.partition
        fetchOffset = asked.fetchOffset
        errorCode = data.errorCode
        flaw = data.flaw
        let isBelieved = flaw == nil
        highWatermark = isBelieved ? data.highWatermark : -1
        lastStableOffset = isBelieved ? data.lastStableOffset : -1
        logStartOffset = isBelieved ? data.logStartOffset : -1
        abortedTransactions = isBelieved ? data.abortedTransactions ?? [] : []
        records = isBelieved ? data.records.flatMap { $0.readableBytes > 0 ? $0 : nil } : nil
        divergingEpoch = isBelieved && data.divergingEpoch.epoch >= 0 ? data.divergingEpoch : nil
        currentLeader = data.currentLeader.leaderID >= 0 ? data.currentLeader : nil
        preferredReadReplica = data.preferredReadReplica >= 0 ? data.preferredReadReplica : nil
    }
}

extension FetchResponse.PartitionData {
    fileprivate var flaw: String? {
        var check = NumberCheck()
        check.offset(highWatermark, "high watermark")
        check.offset(lastStableOffset, "last stable offset")
        check.offset(logStartOffset, "log start offset")
        if divergingEpoch.epoch >= 0 { check.offset(divergingEpoch.endOffset, "end offset of the diverging epoch") }
        for transaction in abortedTransactions ?? [] { check.offset(transaction.firstOffset, "aborted transaction at") }
        return check.flaw
    }
}

/// Visibility of records of transactions that are open or were aborted.
public enum IsolationLevel: Int8, Sendable, Hashable, CaseIterable {
    case readUncommitted = 0
    case readCommitted = 1
}
