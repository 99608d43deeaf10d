package import KafkaWire
package import NIOCore

/// The newest metadata and how old each part of it is. Pure: time is an argument.
///
/// Invalidation names the generation that turned out to be wrong. When a leader moves, every partition's task notices;
/// the first report makes the snapshot stale, and the refresh that follows makes the others' reports out of date, so
/// one move costs one refresh.
package struct MetadataCache {
    package private(set) var snapshot = ClusterMetadata()
    private var brokersReadAt: NIODeadline?
    private var allTopicsReadAt: NIODeadline?
    private var topicsReadAt: [String: NIODeadline] = [:]
    /// Answers in a row that know of an earlier leader epoch than the one that is known.
    private var contradictions: [TopicPartition: Int] = [:]
    /// After so many of them it was the known epoch that was wrong.
    private static let mostContradictions = 10
    /// Earlier ids of topics that were deleted and created again.
    private var formerIDs: [String: FormerTopicIDs] = [:]
    /// Names may come and go for ever.
    private static let mostFormerNames = 1_000
    /// Time of the last answer, whatever its extent.
    package private(set) var lastAnswerAt: NIODeadline?

    package init() {}

    /// Tells whether what was read at `oldest` or later, and not found wrong since, answers `request`.
    package func answers(_ request: TopicRequest, readSince oldest: NIODeadline) -> Bool {
        func isFresh(_ readAt: NIODeadline?) -> Bool { readAt.map { $0 >= oldest } ?? false }
        switch request {
        case .none: return isFresh(brokersReadAt)
        case .all: return isFresh(allTopicsReadAt)
        case .named(let names): return isFresh(brokersReadAt) && names.allSatisfy { isFresh(topicsReadAt[$0]) }
        }
    }

    /// Something in the snapshot of this generation is wrong. Reports about earlier generations are ignored.
    package mutating func invalidate(generation: UInt64) {
        guard generation >= snapshot.generation else { return }
        brokersReadAt = nil
        allTopicsReadAt = nil
        topicsReadAt = [:]
    }

    /// Takes in an answer to `request` that was received at `now`.
    package mutating func apply(_ response: MetadataResponse, for request: TopicRequest, at now: NIODeadline) {
        var next = snapshot
        next.generation += 1
        next.clusterID = response.clusterID ?? snapshot.clusterID
        next.controllerID = response.controllerID >= 0 ? response.controllerID : nil
        // An empty list is what a broker that is still starting says; it would only make us forget the way.
        if !response.brokers.isEmpty {
            next.brokers = [:]
            for broker in response.brokers { next.brokers[broker.nodeID] = BrokerEndpoint(broker) }
        }
        if request == .all {
            next.topics = [:]
            topicsReadAt = [:]
            allTopicsReadAt = now
        }
        for answered in response.topics {
            guard let topic = TopicMetadata(answered), topic.hasLegalName || request != .all else { continue }
            let known = snapshot.topics[topic.name]
            next.topics[topic.name] = keepingNewerTopic(topic, known: known) ?? keepingNewerLeaders(topic, known: known)
            topicsReadAt[topic.name] = now
        }
        if request == .all {
            for (name, topic) in snapshot.topics where next.topics[name] == nil { leave(topic) }
        }
        brokersReadAt = now
        lastAnswerAt = now
        snapshot = next
    }

    /// A broker that lags behind must not bring back a topic that was deleted before the known one was created.
    private mutating func keepingNewerTopic(_ topic: TopicMetadata, known: TopicMetadata?) -> TopicMetadata? {
        guard let known, known.id != topic.id else {
            if !formerIDs.isEmpty { formerIDs[topic.name]?.remove(topic.id) }
            return nil
        }
        if known.id != .zero, formerIDs[topic.name]?.isOutdated(topic.id) == true { return known }
        leave(known)
        formerIDs[topic.name]?.remove(topic.id)
        return nil
    }

    private mutating func leave(_ topic: TopicMetadata) {
        guard topic.id != .zero, formerIDs.count < Self.mostFormerNames || formerIDs[topic.name] != nil else { return }
        formerIDs[topic.name, default: FormerTopicIDs()].append(topic.id)
    }

    /// A broker that lags behind must not take back what is known of the same topic (KIP-320). An epoch that all
    /// brokers contradict for long was none.
    private mutating func keepingNewerLeaders(_ topic: TopicMetadata, known: TopicMetadata?) -> TopicMetadata {
        guard let known, known.id == topic.id, topic.id != .zero else { return topic }
        var merged = topic
        for (index, old) in known.partitions {
            guard let new = merged.partitions[index] else { continue }
            let partition = TopicPartition(topic.name, index)
            guard new.leaderEpoch < old.leaderEpoch else {
                if !contradictions.isEmpty { contradictions[partition] = nil }
                continue
            }
            contradictions[partition, default: 0] += 1
            if contradictions[partition, default: 0] < Self.mostContradictions {
                merged.partitions[index] = old
            } else {
                contradictions[partition] = nil
            }
        }
        return merged
    }

    /// A leader that a Fetch or Produce answer named (KIP-951); counts when its epoch is newer than the known one.
    ///
    /// - Returns: whether it did.
    package mutating func learn(leader: Int32, epoch: Int32, of partition: TopicPartition, endpoint: BrokerEndpoint?)
        -> Bool
    {
        guard let known = snapshot.partition(partition.topic, partition.partition), epoch > known.leaderEpoch,
            endpoint?.address.flaw == nil, endpoint != nil || snapshot.brokers[leader] != nil
        else { return false }
        if let endpoint { snapshot.brokers[leader] = endpoint }
        snapshot.topics[partition.topic]?.partitions[partition.partition]?.leader = leader
        snapshot.topics[partition.topic]?.partitions[partition.partition]?.leaderEpoch = epoch
        snapshot.topics[partition.topic]?.partitions[partition.partition]?.error = .none
        snapshot.generation += 1
        return true
    }

    /// Forgets where brokers are, and with it that anything about them was read.
    package mutating func forgetBrokers() {
        snapshot.brokers = [:]
        snapshot.controllerID = nil
        snapshot.generation += 1
        brokersReadAt = nil
        allTopicsReadAt = nil
        topicsReadAt = [:]
    }

    /// Takes in a broker that FindCoordinator named.
    package mutating func learn(_ endpoint: BrokerEndpoint) {
        guard snapshot.brokers[endpoint.id] != endpoint else { return }
        snapshot.brokers[endpoint.id] = endpoint
        snapshot.generation += 1
    }
}

extension BrokerEndpoint {
    fileprivate init(_ broker: MetadataResponse.MetadataResponseBroker) {
        self.init(
            id: broker.nodeID, address: HostAndPort(host: broker.host, port: Int(broker.port)), rack: broker.rack)
    }
}

extension TopicMetadata {
    fileprivate init?(_ topic: MetadataResponse.MetadataResponseTopic) {
        guard let name = topic.name else { return nil }
        self.init(name: name, id: topic.topicID, error: topic.errorCode, isInternal: topic.isInternal)
        for partition in topic.partitions where Self.partitionIndexes.contains(partition.partitionIndex) {
            partitions[partition.partitionIndex] = PartitionMetadata(
                leader: partition.leaderID >= 0 ? partition.leaderID : nil, leaderEpoch: partition.leaderEpoch,
                replicas: partition.replicaNodes, isr: partition.isrNodes, error: partition.errorCode)
        }
    }

    /// Far beyond what a cluster can hold; an index outside of it is no partition's.
    private static let partitionIndexes: Range<Int32> = 0..<1_000_000

    /// Kafka's own rule (`Topic.validate`). A topic by another name cannot be asked for.
    fileprivate var hasLegalName: Bool {
        (1...249).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
