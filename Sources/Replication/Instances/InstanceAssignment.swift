internal import KafkaClient
package import NIOCore

/// An instance's part of a generation, and who the others are.
package struct InstanceAssignment: Hashable, Sendable {
    package static let newestVersion = InstanceSettings.newestAssignmentVersion

    /// An instance of the flow.
    package struct Peer: Hashable, Sendable, Codable {
        package var instance: String
        package var address: String?

        package init(instance: String, address: String?) {
            self.instance = instance
            self.address = address
        }
    }

    /// The newest that all instances of the generation read.
    package var version: Int
    package var parts: Set<FlowPart>
    /// All instances of the generation, this one included.
    package var peers: [Peer]

    package init(version: Int = Self.newestVersion, parts: Set<FlowPart>, peers: [Peer]) {
        self.version = version
        self.parts = parts
        self.peers = peers
    }
}

// Version 1 is JSON that can be read with Kafka's own tools; version 2 is made for flows of very many partitions.

extension InstanceAssignment {
    private struct Header: Codable {
        var version: Int
        var tasks: [String]
        var peers: [Peer]
    }

    private struct Stored: Codable {
        var version: Int
        var topics: [String: [Int32]]
        var tasks: [String]
        var peers: [Peer]
    }

    package func encoded() throws -> ByteBuffer {
        let partitions = parts.sorted().compactMap(\.partition)
        let tasks = FlowTask.allCases.filter { parts.contains(.task($0)) }.map(\.rawValue)
        guard version < 2 else {
            var writer = CompactParts.Writer(
                header: try StateCheck.json(Header(version: version, tasks: tasks, peers: peers)))
            writer.write(partitions)
            return try writer.finish()
        }
        var stored = Stored(version: version, topics: [:], tasks: tasks, peers: peers)
        for partition in partitions { stored.topics[partition.topic, default: []].append(partition.partition) }
        return try StateCheck.json(stored)
    }

    /// - Throws: ``ImpossibleState`` for what is no assignment, or one of a version that is not known here.
    package init(decoding bytes: ByteBuffer) throws {
        // A coordinator hands out nothing where the leader has left a member out.
        guard bytes.readableBytes > 0 else {
            self.init(parts: [], peers: [])
            return
        }
        let (version, partitions, tasks, peers) = try Self.contents(of: bytes)
        guard (1...Self.newestVersion).contains(version) else {
            throw ImpossibleState("its version is \(version), and this program knows 1 to \(Self.newestVersion)")
        }
        var parts = Set(partitions.map { FlowPart.partition($0) })
        for partition in partitions where partition.partition < 0 {
            throw ImpossibleState("a partition is \(partition.partition)")
        }
        for name in tasks {
            guard let task = FlowTask(rawValue: name) else { throw ImpossibleState("it names the task \(name)") }
            parts.insert(.task(task))
        }
        self.init(version: version, parts: parts, peers: peers)
    }

    private static func contents(
        of bytes: ByteBuffer
    ) throws -> (version: Int, partitions: [TopicPartition], tasks: [String], peers: [Peer]) {
        guard CompactParts.isCompact(bytes) else {
            let stored = try StateCheck.decode(Stored.self, from: bytes)
            let partitions = stored.topics.flatMap { topic, numbers in numbers.map { TopicPartition(topic, $0) } }
            return (stored.version, partitions, stored.tasks, stored.peers)
        }
        var reader = try CompactParts.Reader(bytes)
        let header = try StateCheck.decode(Header.self, from: reader.header)
        let partitions = try reader.partitions()
        try reader.finish()
        return (header.version, partitions, header.tasks, header.peers)
    }
}
