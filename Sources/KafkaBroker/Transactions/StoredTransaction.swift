import KafkaWire
import NIOCore

// The records of `__transaction_state`, in Kafka's own format: a transactional id as the key, its transaction as the
// value. A null value takes the transactional id back.

/// The key of a record in `__transaction_state`.
struct TransactionKey: VersionedRecord {
    static let versions = ApiVersions(0...0, flexibleFrom: nil)
    var transactionalID = ""

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&transactionalID)
    }
}

/// A transaction as it is written down (Kafka's TransactionLogValue).
struct StoredTransaction: VersionedRecord {
    static let versions = ApiVersions(0...1, flexibleFrom: 1)
    var producerID: Int64 = -1
    var previousProducerID: Int64 = -1
    var nextProducerID: Int64 = -1
    var producerEpoch: Int16 = -1
    var timeoutMs: Int32 = 0
    var status: Int8 = 0
    /// Nil in the state Empty.
    var partitions: [Topic]?
    var lastUpdate: Int64 = -1
    var startTime: Int64 = -1
    var clientTransactionVersion: Int16 = 0

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int64(&producerID)
        try wire.int16(&producerEpoch)
        try wire.int32(&timeoutMs)
        try wire.int8(&status)
        try wire.nullableArray(&partitions)
        try wire.int64(&lastUpdate)
        try wire.int64(&startTime)
    }

    mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
        try tags.int64(0, &previousProducerID, default: -1)
        try tags.int64(1, &nextProducerID, default: -1)
        try tags.int16(2, &clientTransactionVersion)
    }

    struct Topic: WireStruct {
        var name = ""
        var partitions: [Int32] = []

        mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int32Array(&partitions)
        }
    }
}

extension StoredTransaction {
    init(_ transaction: Transaction) {
        self.init()
        producerID = transaction.producerID
        previousProducerID = transaction.lastProducerID
        nextProducerID = transaction.nextProducerID
        clientTransactionVersion = transaction.version
        producerEpoch = transaction.epoch
        timeoutMs = transaction.timeoutMs
        status = transaction.state.rawValue
        if transaction.state != .empty {
            partitions = transaction.partitions.grouped.map { name, indexes in
                var topic = Topic()
                topic.name = name
                topic.partitions = indexes
                return topic
            }
        }
        lastUpdate = transaction.lastUpdate
        startTime = transaction.startTime
    }

    /// Nil for a state that has no meaning after a restart.
    func transaction(id: String) -> Transaction? {
        guard let state = Transaction.State(rawValue: status) else { return nil }
        let members = (partitions ?? []).flatMap { topic in
            topic.partitions.map { TopicPartition(topic: topic.name, index: $0) }
        }
        return Transaction(
            id: id, producerID: producerID, lastProducerID: previousProducerID, nextProducerID: nextProducerID,
            epoch: producerEpoch, timeoutMs: timeoutMs, state: state, partitions: Set(members), startTime: startTime,
            lastUpdate: lastUpdate, version: clientTransactionVersion)
    }
}

extension Set<TopicPartition> {
    /// By topic, both in order.
    var grouped: [(topic: String, partitions: [Int32])] {
        Dictionary(grouping: self, by: \.topic)
            .map { topic, partitions in (topic, partitions.map(\.index).sorted()) }
            .sorted { $0.topic < $1.topic }
    }
}
