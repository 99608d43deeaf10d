internal import KafkaClient
package import KafkaWire

/// Finds the batches of a produce request by what its answer calls them: topics by id where the version has ids, by name
/// elsewhere. No I/O.
package struct SendingLookup {
    private let sendings: [ShardScheduler.Sending]
    /// The batch behind the one that was found last: some brokers answer in the order of the request.
    private var next = 0
    private var byName: [TopicPartition: Int] = [:]
    private var byID: [Place: Int] = [:]
    private var isIndexed = false

    private struct Place: Hashable {
        var topicID: KafkaUUID
        var partition: Int32
    }

    /// Up to so many batches to look through cost less than an index of them.
    private static let fewest = 16

    package init(_ sendings: [ShardScheduler.Sending]) {
        self.sendings = sendings
    }

    /// - Parameters:
    ///   - topicID: zero where the answer names the topic.
    ///   - name: empty where the answer tells the topic's id.
    /// - Returns: nil for a partition that the request was not about.
    package mutating func index(topicID: KafkaUUID, name: String, partition: Int32) -> Int? {
        func isMeant(_ sending: ShardScheduler.Sending) -> Bool {
            sending.target.partition == partition
                && (topicID == .zero ? sending.target.topic == name : sending.topicID == topicID)
        }
        if next < sendings.count, isMeant(sendings[next]) {
            defer { next += 1 }
            return next
        }
        guard sendings.count > Self.fewest else { return sendings.firstIndex(where: isMeant) }
        makeIndex()
        return topicID == .zero
            ? byName[TopicPartition(name, partition)] : byID[Place(topicID: topicID, partition: partition)]
    }

    private mutating func makeIndex() {
        guard !isIndexed else { return }
        isIndexed = true
        for (index, sending) in sendings.enumerated() {
            byName[sending.target] = index
            if sending.topicID != .zero {
                byID[Place(topicID: sending.topicID, partition: sending.target.partition)] = index
            }
        }
    }
}
