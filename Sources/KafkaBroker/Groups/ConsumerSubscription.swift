import NIOCore

/// The topics that a member of protocol type `consumer` names in its JoinGroup metadata
/// (Kafka's ConsumerProtocolSubscription: version, topics, and fields that do not matter here).
struct ConsumerSubscription {
    let topics: [String]

    /// Nil when the bytes are not such a subscription.
    init?(_ metadata: ByteBuffer) {
        var bytes = metadata
        guard let version = bytes.readInteger(as: Int16.self), version >= 0,
            let count = bytes.readInteger(as: Int32.self), count >= 0, count <= bytes.readableBytes / 2
        else { return nil }
        var topics: [String] = []
        for _ in 0..<count {
            guard let length = bytes.readInteger(as: Int16.self), length >= 0,
                let topic = bytes.readString(length: Int(length))
            else { return nil }
            topics.append(topic)
        }
        self.topics = topics
    }
}
