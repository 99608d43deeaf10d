import KafkaWire

// Metadata: 0-13.
//
// - Version 0 lists all topics for an empty list, later versions for null.
// - Topics go by name, from version 10 also by id; an unknown id is UNKNOWN_TOPIC_ID.
// - An unknown name is created if `auto.create.topics.enable` is on and the request allows it (always before
//   version 4). The answer is UNKNOWN_TOPIC_OR_PARTITION all the same, as Kafka's, where the creation takes its time; the
//   next one has the topic.
// - Authorized operations: see MetadataPermissions.swift.

extension MetadataRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> MetadataResponse {
        var response = MetadataResponse()
        response.errorCode = error
        response.topics = (topics ?? []).map { topic in
            var entry = MetadataResponse.MetadataResponseTopic()
            entry.name = topic.name ?? ""
            entry.topicID = topic.topicID
            entry.errorCode = error
            return entry
        }
        return response
    }
}

/// A topic as a request names it.
private struct TopicKey: Hashable {
    let name: String?
    let id: KafkaUUID
}

extension Cluster {
    func metadata(_ request: MetadataRequest, _ context: RequestContext) -> MetadataResponse {
        var response = MetadataResponse()
        response.clusterID = id
        response.controllerID = controllerID
        response.brokers = liveNodes.map { node in
            var broker = MetadataResponse.MetadataResponseBroker()
            broker.nodeID = node.id
            broker.host = advertisedHost(of: node, context)
            broker.port = advertisedPort(of: node, context)
            broker.rack = node.rack
            return broker
        }
        if let wanted = request.topics {
            let mayCreate = context.version < 4 || request.allowAutoTopicCreation
            let unique = wanted.uniqued { TopicKey(name: $0.name, id: $0.topicID) }
            response.topics = unique.map { describe($0, mayCreate: mayCreate) }
        } else {
            response.topics = topics.values.sorted { $0.name < $1.name }.map(describe)
        }
        return response
    }

    /// The host that a client should use, on the listener that it came in on: a wildcard is replaced by the address at
    /// which this client came in.
    func advertisedHost(of node: Node, _ context: RequestContext) -> String {
        let listener = context.authentication.listener.definition
        if let advertised = listener.advertised { return advertised.host }
        return listener.isWildcard ? context.localHost ?? "127.0.0.1" : listener.host
    }

    /// The port that a client should use, on the listener that it came in on.
    func advertisedPort(of node: Node, _ context: RequestContext) -> Int32 {
        let listener = context.authentication.listener
        return Int32(listener.definition.advertisedPort(ofNode: node.index, bound: node.ports[listener.index]))
    }

    private func describe(
        _ wanted: MetadataRequest.MetadataRequestTopic, mayCreate: Bool
    ) -> MetadataResponse.MetadataResponseTopic {
        if let topic = self.topic(named: wanted.name ?? "", orID: wanted.topicID) { return describe(topic) }
        var entry = MetadataResponse.MetadataResponseTopic()
        entry.name = wanted.name
        entry.topicID = wanted.topicID
        guard let name = wanted.name, wanted.topicID == .zero else {
            entry.errorCode = .unknownTopicID
            return entry
        }
        if TopicName.problem(with: name) != nil {
            entry.errorCode = .invalidTopicException
            return entry
        }
        guard mayCreate, configs.flag("auto.create.topics.enable") else {
            entry.errorCode = .unknownTopicOrPartition
            return entry
        }
        do throws(AdminRefusal) {
            _ = try createAutomatically(name)
            entry.errorCode = .unknownTopicOrPartition
        } catch {
            entry.errorCode = error.code
        }
        return entry
    }

    private func describe(_ topic: Topic) -> MetadataResponse.MetadataResponseTopic {
        var entry = MetadataResponse.MetadataResponseTopic()
        entry.name = topic.name
        entry.topicID = topic.id
        entry.isInternal = topic.isInternal
        entry.partitions = topic.partitions.map { partition in
            var description = MetadataResponse.MetadataResponsePartition()
            description.errorCode = partition.leader < 0 ? .leaderNotAvailable : .none
            description.partitionIndex = partition.index
            description.leaderID = partition.leader
            description.leaderEpoch = partition.leaderEpoch
            description.replicaNodes = partition.replicas
            description.isrNodes = partition.isr
            description.offlineReplicas = offlineReplicas(of: partition)
            return description
        }
        return entry
    }

    func offlineReplicas(of partition: Partition) -> [Int32] {
        partition.replicas.filter { !(node($0)?.isLive ?? false) }
    }
}
