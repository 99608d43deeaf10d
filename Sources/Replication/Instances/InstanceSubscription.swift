internal import KafkaClient
package import NIOCore

/// An instance as it presents itself to the leader of its group, with each request to join.
package struct InstanceSubscription: Hashable, Sendable {
    /// Newest version of ``InstanceAssignment`` that the instance reads.
    package var version: Int
    /// Its id in the configuration, or the host's name.
    package var instance: String
    /// Address of its HTTP endpoint; nil if it has none.
    package var address: String?
    package var rack: String?
    /// Generation whose assignment `owned` goes back to; -1 for none.
    package var generation: Int32
    /// The parts that nobody else may have, with the load of each as ``PartLoads`` measures it; nil where too little was
    /// measured.
    package var owned: [FlowPart: Double?]
    /// Parts among them that it is giving away.
    package var releasing: Set<FlowPart>
    /// It is about to go: what it has is to go to others.
    package var isLeaving: Bool
    /// It cannot read the source, while others can; see ``SourceSight``.
    package var isBlind: Bool

    package init(
        version: Int = InstanceAssignment.newestVersion, instance: String, address: String? = nil, rack: String? = nil,
        generation: Int32 = -1, owned: [FlowPart: Double?] = [:], releasing: Set<FlowPart> = [],
        isLeaving: Bool = false, isBlind: Bool = false
    ) {
        self.version = version
        self.instance = instance
        self.address = address
        self.rack = rack
        self.generation = generation
        self.owned = owned
        self.releasing = releasing
        self.isLeaving = isLeaving
        self.isBlind = isBlind
    }
}

// Version 1 is JSON that can be read with Kafka's own tools; version 2 is made for flows of very many partitions.

extension InstanceSubscription {
    /// Bytes of version 1 from which on version 2 is taken whatever the others read: a group's record holds what all
    /// its members say, and must stay below 1 MB.
    private static let largestReadable = 128 << 10

    private struct Header: Codable {
        var version: Int
        var instance: String
        var address: String?
        var rack: String?
        var generation: Int32
        var tasks: [String: Double?]
        var isLeaving: Bool?
        var isBlind: Bool?
    }

    private struct Stored: Codable {
        struct Topic: Codable {
            var partitions: [Int32]
            var load: [Double?]
        }

        var version: Int
        var instance: String
        var address: String?
        var rack: String?
        var generation: Int32
        var topics: [String: Topic]
        var tasks: [String: Double?]
        var releasing: [String: [Int32]]?
        var isLeaving: Bool?
        var isBlind: Bool?
    }

    /// - Parameter known: version of the last assignment that the instance got: all of its group read that.
    package func encoded(for known: Int = 1) throws -> ByteBuffer {
        guard min(known, version) < 2 else { return try compact() }
        let readable = try readable()
        return readable.readableBytes <= Self.largestReadable ? readable : try compact()
    }

    private func readable() throws -> ByteBuffer {
        var stored = Stored(
            version: version, instance: instance, address: address, rack: rack, generation: generation, topics: [:],
            tasks: [:], isLeaving: isLeaving ? true : nil, isBlind: isBlind ? true : nil)
        for (part, load) in owned.sorted(by: { $0.key < $1.key }) {
            switch part {
            case .task(let task): stored.tasks[task.rawValue] = .some(load?.rounded())
            case .partition(let partition):
                stored.topics[partition.topic, default: Stored.Topic(partitions: [], load: [])].partitions
                    .append(partition.partition)
                stored.topics[partition.topic]?.load.append(load?.rounded())
            }
        }
        for case .partition(let partition) in releasing.sorted() {
            var topics = stored.releasing ?? [:]
            topics[partition.topic, default: []].append(partition.partition)
            stored.releasing = topics
        }
        return try StateCheck.json(stored)
    }

    private func compact() throws -> ByteBuffer {
        var header = Header(
            version: version, instance: instance, address: address, rack: rack, generation: generation, tasks: [:],
            isLeaving: isLeaving ? true : nil, isBlind: isBlind ? true : nil)
        for case (.task(let task), let load) in owned { header.tasks[task.rawValue] = .some(load?.rounded()) }
        let partitions = owned.keys.sorted().compactMap(\.partition)
        var writer = CompactParts.Writer(header: try StateCheck.json(header))
        writer.write(partitions)
        writer.write(loads: partitions.map { owned[.partition($0)] ?? nil })
        writer.write(releasing.sorted().compactMap(\.partition))
        return try writer.finish()
    }

    /// - Throws: ``ImpossibleState`` for what is no subscription.
    package init(decoding bytes: ByteBuffer) throws {
        if CompactParts.isCompact(bytes) {
            try self.init(compact: bytes)
        } else {
            try self.init(readable: bytes)
        }
        guard version >= 1 else { throw ImpossibleState("its version is \(version)") }
    }

    private init(readable bytes: ByteBuffer) throws {
        let stored = try StateCheck.decode(Stored.self, from: bytes)
        var owned: [FlowPart: Double?] = [:]
        for (topic, found) in stored.topics {
            guard found.partitions.count == found.load.count else {
                throw ImpossibleState("it names \(found.load.count) loads of \(found.partitions.count) partitions")
            }
            for (partition, load) in zip(found.partitions, found.load) {
                owned[try FlowPart(topic, partition)] = .some(load.map(Self.plausible))
            }
        }
        var releasing: Set<FlowPart> = []
        for (topic, partitions) in stored.releasing ?? [:] {
            for partition in partitions { releasing.insert(try FlowPart(topic, partition)) }
        }
        self.init(
            version: stored.version, instance: stored.instance, address: stored.address, rack: stored.rack,
            generation: stored.generation, owned: owned.merging(Self.tasks(stored.tasks)) { first, _ in first },
            releasing: releasing, isLeaving: stored.isLeaving ?? false, isBlind: stored.isBlind ?? false)
    }

    private init(compact bytes: ByteBuffer) throws {
        var reader = try CompactParts.Reader(bytes)
        let header = try StateCheck.decode(Header.self, from: reader.header)
        let partitions = try reader.partitions()
        let loads = try reader.loads(partitions.count)
        var owned = Self.tasks(header.tasks)
        for (partition, load) in zip(partitions, loads) { owned[.partition(partition)] = .some(load) }
        self.init(
            version: header.version, instance: header.instance, address: header.address, rack: header.rack,
            generation: header.generation, owned: owned,
            releasing: Set(try reader.partitions().map { .partition($0) }), isLeaving: header.isLeaving ?? false,
            isBlind: header.isBlind ?? false)
        try reader.finish()
    }

    /// A task of a later version is nobody's here.
    private static func tasks(_ stored: [String: Double?]) -> [FlowPart: Double?] {
        var found: [FlowPart: Double?] = [:]
        for (name, load) in stored {
            if let task = FlowTask(rawValue: name) { found[.task(task)] = .some(load.map(plausible)) }
        }
        return found
    }

    private static func plausible(_ load: Double) -> Double { load.isFinite ? min(max(load, 0), 1e15) : 0 }
}

extension FlowPart {
    fileprivate init(_ topic: String, _ partition: Int32) throws(ImpossibleState) {
        guard partition >= 0 else { throw ImpossibleState("a partition is \(partition)") }
        self = .partition(TopicPartition(topic, partition))
    }

    /// Nil for a task.
    var partition: TopicPartition? {
        guard case .partition(let partition) = self else { return nil }
        return partition
    }
}
