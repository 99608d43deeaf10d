internal import FoundationEssentials
internal import KafkaClient
package import NIOCore

/// An instance as it presents itself to the leader of its group, with each request to join.
package struct InstanceSubscription: Hashable, Sendable {
    /// Newest version of ``InstanceAssignment`` that the instance reads.
    package var version: Int
    /// Its id in the configuration, or the host's name.
    package var instance: String
    /// Where its HTTP endpoint is reached; nil where it has none.
    package var address: String?
    package var rack: String?
    /// Generation whose assignment `owned` goes back to; -1 for none.
    package var generation: Int32
    /// The parts that it has, with the load of each: bytes per second, smoothed.
    package var owned: [FlowPart: Double]

    package init(
        version: Int = InstanceAssignment.newestVersion, instance: String, address: String? = nil, rack: String? = nil,
        generation: Int32 = -1, owned: [FlowPart: Double] = [:]
    ) {
        self.version = version
        self.instance = instance
        self.address = address
        self.rack = rack
        self.generation = generation
        self.owned = owned
    }
}

/// An instance's part of a generation, and who the others are.
package struct InstanceAssignment: Hashable, Sendable {
    package static let newestVersion = 1

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

// On the wire both are JSON: it can be read with Kafka's own tools, and a later version may add to it.

extension InstanceSubscription {
    private struct Stored: Codable {
        struct Topic: Codable {
            var partitions: [Int32]
            var load: [Double]
        }

        var version: Int
        var instance: String
        var address: String?
        var rack: String?
        var generation: Int32
        var topics: [String: Topic]
        var tasks: [String: Double]
    }

    package func encoded() throws -> ByteBuffer {
        var stored = Stored(
            version: version, instance: instance, address: address, rack: rack, generation: generation, topics: [:],
            tasks: [:])
        for (part, load) in owned.sorted(by: { $0.key < $1.key }) {
            switch part {
            case .task(let task): stored.tasks[task.rawValue] = load.rounded()
            case .partition(let partition):
                stored.topics[partition.topic, default: Stored.Topic(partitions: [], load: [])].partitions
                    .append(partition.partition)
                stored.topics[partition.topic]?.load.append(load.rounded())
            }
        }
        return ByteBuffer(bytes: try JSONEncoder().encode(stored))
    }

    /// - Throws: ``ImpossibleState`` for what is no subscription.
    package init(decoding bytes: ByteBuffer) throws {
        let stored = try StateCheck.decode(Stored.self, from: bytes)
        guard stored.version >= 1 else { throw ImpossibleState("its version is \(stored.version)") }
        var owned: [FlowPart: Double] = [:]
        for (topic, found) in stored.topics {
            guard found.partitions.count == found.load.count else {
                throw ImpossibleState("it names \(found.load.count) loads of \(found.partitions.count) partitions")
            }
            for (partition, load) in zip(found.partitions, found.load) {
                guard partition >= 0 else { throw ImpossibleState("a partition is \(partition)") }
                owned[.partition(TopicPartition(topic, partition))] = Self.plausible(load)
            }
        }
        // A task of a later version is nobody's here.
        for (name, load) in stored.tasks {
            if let task = FlowTask(rawValue: name) { owned[.task(task)] = Self.plausible(load) }
        }
        self.init(
            version: stored.version, instance: stored.instance, address: stored.address, rack: stored.rack,
            generation: stored.generation, owned: owned)
    }

    private static func plausible(_ load: Double) -> Double { load.isFinite ? min(max(load, 0), 1e15) : 0 }
}

extension InstanceAssignment {
    private struct Stored: Codable {
        var version: Int
        var topics: [String: [Int32]]
        var tasks: [String]
        var peers: [Peer]
    }

    package func encoded() throws -> ByteBuffer {
        var stored = Stored(version: version, topics: [:], tasks: [], peers: peers)
        for part in parts.sorted() {
            switch part {
            case .task(let task): stored.tasks.append(task.rawValue)
            case .partition(let partition): stored.topics[partition.topic, default: []].append(partition.partition)
            }
        }
        return ByteBuffer(bytes: try JSONEncoder().encode(stored))
    }

    /// - Throws: ``ImpossibleState`` for what is no assignment, or one of a version that is not known here.
    package init(decoding bytes: ByteBuffer) throws {
        // A coordinator hands out nothing where the leader has left a member out.
        guard bytes.readableBytes > 0 else {
            self.init(parts: [], peers: [])
            return
        }
        let stored = try StateCheck.decode(Stored.self, from: bytes)
        guard (1...Self.newestVersion).contains(stored.version) else {
            throw ImpossibleState("its version is \(stored.version), and this program knows 1 to \(Self.newestVersion)")
        }
        var parts: Set<FlowPart> = []
        for (topic, partitions) in stored.topics {
            for partition in partitions {
                guard partition >= 0 else { throw ImpossibleState("a partition is \(partition)") }
                parts.insert(.partition(TopicPartition(topic, partition)))
            }
        }
        for name in stored.tasks {
            guard let task = FlowTask(rawValue: name) else { throw ImpossibleState("it names the task \(name)") }
            parts.insert(.task(task))
        }
        self.init(version: stored.version, parts: parts, peers: stored.peers)
    }
}
