public import KafkaWire

/// A topic to be created.
public struct NewTopic: Sendable, Hashable {
    public var name: String
    /// -1 for the cluster's default.
    public var partitions: Int32
    /// -1 for the cluster's default.
    public var replicationFactor: Int16
    public var configs: [String: String]

    public init(_ name: String, partitions: Int32 = -1, replicationFactor: Int16 = -1, configs: [String: String] = [:])
    {
        self.name = name
        self.partitions = partitions
        self.replicationFactor = replicationFactor
        self.configs = configs
    }
}

/// A topic as it was created; what the broker does not tell is nil or zero.
public struct CreatedTopic: Sendable, Hashable {
    public var name: String
    public var id: KafkaUUID
    public var partitions: Int32?
    public var replicationFactor: Int16?
}

extension ClusterClient {
    /// Creates topics, each with its own outcome. One that exists is `.topicAlreadyExists`, also when an earlier attempt
    /// of this call created it and its answer was lost.
    ///
    /// - Parameter validateOnly: only says what would happen.
    public func createTopics(
        _ topics: [NewTopic], validateOnly: Bool = false
    ) async -> Outcomes<String, CreatedTopic> {
        let byName = Dictionary(topics.map { ($0.name, $0) }) { first, _ in first }
        return await askController(byName.keys, during: .createTopics) { client, names throws(KafkaError) in
            var request = CreateTopicsRequest()
            request.topics = names.compactMap { byName[$0] }.map(CreateTopicsRequest.CreatableTopic.init)
            request.timeoutMs = client.brokerTimeoutMs
            request.validateOnly = validateOnly
            let usesDefaults = request.topics.contains { $0.numPartitions < 0 || $0.replicationFactor < 0 }
            let response = try await client.send(
                request, to: .controller, versions: usesDefaults ? 4...7 : nil, timeout: client.answerTimeout)
            client.invalidateMetadata(generation: client.cache.snapshot.generation)
            var outcomes: Outcomes<String, CreatedTopic> = [:]
            for topic in response.topics {
                outcomes[topic.name] = topic.errorCode.outcome(CreatedTopic(topic), message: topic.errorMessage) {
                    client.error($0, during: .request(.createTopics)).about(topic: topic.name)
                }
            }
            return outcomes
        }
    }

    /// Deletes topics by name.
    public func deleteTopics(_ names: [String]) async -> Outcomes<String, Void> {
        await askController(names, during: .deleteTopics) { client, names throws(KafkaError) in
            var request = DeleteTopicsRequest()
            request.topicNames = names
            request.topics = names.map { name in
                var topic = DeleteTopicsRequest.DeleteTopicState()
                topic.name = name
                return topic
            }
            request.timeoutMs = client.brokerTimeoutMs
            let response = try await client.send(request, to: .controller, timeout: client.answerTimeout)
            client.invalidateMetadata(generation: client.cache.snapshot.generation)
            var outcomes: Outcomes<String, Void> = [:]
            for topic in response.responses {
                guard let name = topic.name else { continue }
                outcomes[name] = topic.errorCode.outcome((), message: topic.errorMessage) {
                    client.error($0, during: .request(.deleteTopics)).about(topic: name)
                }
            }
            return outcomes
        }
    }

    /// Raises the number of partitions of topics to the counts given.
    public func createPartitions(_ counts: [String: Int32]) async -> Outcomes<String, Void> {
        await askController(counts.keys, during: .createPartitions) { client, names throws(KafkaError) in
            var request = CreatePartitionsRequest()
            request.topics = names.map { name in
                var topic = CreatePartitionsRequest.CreatePartitionsTopic()
                topic.name = name
                topic.count = counts[name] ?? 0
                topic.assignments = nil
                return topic
            }
            request.timeoutMs = client.brokerTimeoutMs
            let response = try await client.send(request, to: .controller, timeout: client.answerTimeout)
            client.invalidateMetadata(generation: client.cache.snapshot.generation)
            var outcomes: Outcomes<String, Void> = [:]
            for topic in response.results {
                outcomes[topic.name] = topic.errorCode.outcome((), message: topic.errorMessage) {
                    client.error($0, during: .request(.createPartitions)).about(topic: topic.name)
                }
            }
            return outcomes
        }
    }

    /// The cluster's id.
    public func clusterID() async throws(KafkaError) -> String {
        let metadata = try await retrying(during: .metadata) { () throws(KafkaError) in
            try await self.metadata(.none, allowingAge: .seconds(3600))
        }
        if let id = metadata.clusterID { return id }
        throw error(.unexpectedAnswer("the cluster has no id"), during: .request(.metadata))
    }

    /// The time that brokers have for an administrative request.
    var brokerTimeoutMs: Int32 { settings.requestTimeout.wireMilliseconds }

    /// The time-out of a request that the broker may take its time over.
    var answerTimeout: Duration { settings.requestTimeout + .seconds(5) }

    func askController<Value: Sendable>(
        _ names: some Sequence<String>, during api: ApiKey,
        ask: (isolated ClusterClient, [String]) async throws(KafkaError) -> Outcomes<String, Value>
    ) async -> Outcomes<String, Value> {
        await retrying(names, during: api) { pending, _ in
            do throws(KafkaError) {
                return try await ask(self, pending)
            } catch {
                return Dictionary(uniqueKeysWithValues: pending.map { ($0, .failure(error.about(topic: $0))) })
            }
        }
    }
}

extension CreateTopicsRequest.CreatableTopic {
    fileprivate init(_ topic: NewTopic) {
        self.init()
        name = topic.name
        numPartitions = topic.partitions
        replicationFactor = topic.replicationFactor
        configs = topic.configs.sorted { $0.key < $1.key }.map { key, value in
            var config = CreateTopicsRequest.CreatableTopicConfig()
            config.name = key
            config.value = value
            return config
        }
    }
}

extension CreatedTopic {
    fileprivate init(_ topic: CreateTopicsResponse.CreatableTopicResult) {
        self.init(
            name: topic.name, id: topic.topicID, partitions: topic.numPartitions >= 0 ? topic.numPartitions : nil,
            replicationFactor: topic.replicationFactor >= 0 ? topic.replicationFactor : nil)
    }
}
