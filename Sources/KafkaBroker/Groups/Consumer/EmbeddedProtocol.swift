import KafkaWire
package import NIOCore

// The bytes that clients of protocol type `consumer` put into JoinGroup and SyncGroup (KIP-429, KIP-881): the broker
// reads them when it has to know topics, and writes assignments for classic members of a consumer group.

/// The topics that a member of protocol type `consumer` names in its JoinGroup metadata, and what it owns
/// (Kafka's ConsumerProtocolSubscription).
package struct ConsumerSubscription {
    package let version: Int16
    package let topics: [String]
    /// Partitions that the member holds at the time; empty before version 1, where it lets everything go before it joins.
    package private(set) var owned: [(topic: String, partitions: [Int32])] = []
    package private(set) var rack: String?

    /// Nil when the bytes are not such a subscription.
    package init?(_ metadata: ByteBuffer) {
        var bytes = metadata
        guard let version = bytes.readInteger(as: Int16.self), version >= 0,
            let topics = bytes.readElements({ $0.readText() })
        else { return nil }
        self.version = version
        self.topics = topics
        // Clients have left out what follows, in spite of their version.
        guard version >= 1, bytes.readData() != nil, let owned = bytes.readTopicPartitions() else { return }
        self.owned = owned
        guard version >= 3, bytes.readInteger(as: Int32.self) != nil else { return }
        rack = bytes.readText()
    }
}

/// The partitions of a member in a SyncGroup answer (Kafka's ConsumerProtocolAssignment).
package struct ConsumerAssignment {
    package let topics: [(topic: String, partitions: [Int32])]
    /// Bytes that only the assignor which wrote them understands.
    package let hasUserData: Bool

    /// Nil when the bytes are not such an assignment. No bytes at all are an empty one.
    package init?(_ assignment: ByteBuffer) {
        var bytes = assignment
        guard bytes.readableBytes > 0 else {
            topics = []
            hasUserData = false
            return
        }
        guard let version = bytes.readInteger(as: Int16.self), version >= 0, let topics = bytes.readTopicPartitions()
        else { return nil }
        self.topics = topics
        hasUserData = (bytes.readData() ?? 0) > 0
    }

    /// The bytes of an assignment without user data.
    package static func bytes(version: Int16, _ topics: [(topic: String, partitions: [Int32])]) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeInteger(version)
        bytes.writeInteger(Int32(topics.count))
        for (topic, partitions) in topics {
            bytes.writeInteger(Int16(topic.utf8.count))
            bytes.writeString(topic)
            bytes.writeInteger(Int32(partitions.count))
            for partition in partitions { bytes.writeInteger(partition) }
        }
        bytes.writeInteger(Int32(-1))
        return bytes
    }
}

extension ByteBuffer {
    fileprivate mutating func readElements<Element>(_ read: (inout ByteBuffer) -> Element?) -> [Element]? {
        guard let count = readInteger(as: Int32.self), count >= 0, count <= readableBytes / 2 else { return nil }
        var elements: [Element] = []
        for _ in 0..<count {
            guard let element = read(&self) else { return nil }
            elements.append(element)
        }
        return elements
    }

    fileprivate mutating func readText() -> String? {
        guard let length = readInteger(as: Int16.self), length >= 0 else { return nil }
        return readString(length: Int(length))
    }

    /// Skips bytes of which only the number matters.
    fileprivate mutating func readData() -> Int? {
        guard let length = readInteger(as: Int32.self) else { return nil }
        guard length > 0 else { return 0 }
        return readSlice(length: Int(length))?.readableBytes
    }

    fileprivate mutating func readTopicPartitions() -> [(topic: String, partitions: [Int32])]? {
        readElements { bytes in
            guard let topic = bytes.readText(),
                let partitions = bytes.readElements({ $0.readInteger(as: Int32.self) })
            else { return nil }
            return (topic, partitions)
        }
    }
}
