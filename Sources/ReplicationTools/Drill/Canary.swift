internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// A numbered record of a drill: where it was produced, and the how-manieth of its partition it is there.
struct CanaryID: Hashable, Sendable, Comparable {
    var origin: String
    var partition: Int32
    var number: Int64

    /// Key and value of its record.
    var text: String { "\(origin):\(partition):\(number)" }

    init(origin: String, partition: Int32, number: Int64) {
        self.origin = origin
        self.partition = partition
        self.number = number
    }

    /// Nil for a record that is none of ours.
    init?(_ record: Record) {
        guard let value = record.value else { return nil }
        let parts = String(buffer: value).split(separator: ":")
        guard parts.count == 3, let partition = Int32(parts[1]), let number = Int64(parts[2]) else { return nil }
        self.init(origin: String(parts[0]), partition: partition, number: number)
    }

    static func < (one: CanaryID, other: CanaryID) -> Bool {
        (one.origin, one.partition, one.number) < (other.origin, other.partition, other.number)
    }
}

/// The topic and group that a drill works with, and nothing else.
struct Canary: Sendable {
    var topic: String
    var group: String
    var partitions: Int32

    var topicPartitions: [TopicPartition] { (0..<partitions).map { TopicPartition(topic, $0) } }

    /// Every canary in a cluster's log, in order, with how often it is there.
    func census(_ client: ClusterClient) async throws(KafkaError) -> [CanaryID: Int] {
        var found: [CanaryID: Int] = [:]
        for partition in topicPartitions {
            let log = StateTopic(partition.topic, partition: partition.partition, client: client)
            for record in try await log.readAll() {
                if let id = CanaryID(record) { found[id, default: 0] += 1 }
            }
        }
        return found
    }

    /// Present end of each partition.
    func ends(_ client: ClusterClient) async throws(KafkaError) -> [TopicPartition: Int64] {
        try await client.bounds(.latest, of: topicPartitions)
    }
}
