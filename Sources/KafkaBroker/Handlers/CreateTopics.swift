import KafkaWire

// CreateTopics: 0-7.
//
// - Partition count and replication factor -1 take the broker's defaults in every version (KIP-464).
// - Manual assignments, configurations, Kafka's rules for names (also collisions of `.` and `_`), validate-only.
// - Any node answers; all act as the controller does. A topic is ready when the answer leaves.
// - From version 5 the answer describes the topic with its whole configuration (KIP-525).
// - Left out: CreateTopicPolicy.

extension CreateTopicsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> CreateTopicsResponse {
        var response = CreateTopicsResponse()
        response.topics = topics.map { topic in
            var result = CreateTopicsResponse.CreatableTopicResult()
            result.name = topic.name
            result.errorCode = error
            result.errorMessage = nil
            return result
        }
        return response
    }
}

extension Cluster {
    func createTopics(_ request: CreateTopicsRequest, _ context: RequestContext) -> CreateTopicsResponse {
        var response = CreateTopicsResponse()
        var counts: [String: Int] = [:]
        for topic in request.topics { counts[topic.name, default: 0] += 1 }
        var quota = MutationQuota(context, isStrict: context.version >= 6)
        for topic in request.topics where counts[topic.name] ?? 0 > 0 {
            var result = CreateTopicsResponse.CreatableTopicResult()
            result.name = topic.name
            result.errorMessage = nil
            if counts.removeValue(forKey: topic.name) ?? 0 > 1 {
                result.errorCode = .invalidRequest
                result.errorMessage = "Duplicate topic name."
            } else {
                create(topic, isRehearsal: request.validateOnly, &quota, context, &result)
            }
            response.topics.append(result)
        }
        return quota.applied(to: response)
    }

    private func create(
        _ wanted: CreateTopicsRequest.CreatableTopic, isRehearsal: Bool, _ quota: inout MutationQuota,
        _ context: RequestContext,
        _ result: inout CreateTopicsResponse.CreatableTopicResult
    ) {
        do throws(AdminRefusal) {
            let plan = try self.plan(wanted)
            if !isRehearsal {
                try quota.record(plan.assignments.count)
                result.topicID = try createTopic(plan).id
            }
            result.numPartitions = Int32(plan.assignments.count)
            result.replicationFactor = Int16(plan.assignments.first?.count ?? 0)
            result.configs = describeTopicConfigs(plan.overrides, node: context.node.id).map { entry in
                var config = CreateTopicsResponse.CreatableTopicConfigs()
                config.name = entry.name
                config.value = entry.value
                config.configSource = entry.source.rawValue
                return config
            }
        } catch {
            result.errorCode = error.code
            result.errorMessage = error.message
        }
    }

    /// Checks what is asked for and decides the rest.
    private func plan(_ wanted: CreateTopicsRequest.CreatableTopic) throws(AdminRefusal) -> TopicPlan {
        if let problem = TopicName.problem(with: wanted.name) {
            throw AdminRefusal(.invalidTopicException, problem)
        }
        guard topics.exactly(wanted.name) == nil else {
            throw AdminRefusal(.topicAlreadyExists, "Topic '\(wanted.name)' already exists.")
        }
        let key = TopicName.collisionKey(wanted.name)
        if collisionKeys[key] != nil,
            let other = topics.keys.sorted().first(where: { TopicName.collisionKey($0) == key })
        {
            throw AdminRefusal(
                .invalidTopicException, "Topic '\(wanted.name)' collides with existing topic: \(other)")
        }
        let overrides = try overrides(wanted.configs)
        let assignments = try wanted.assignments.isEmpty ? place(wanted) : manualAssignments(wanted)
        return TopicPlan(name: wanted.name, assignments: assignments, overrides: overrides)
    }

    private func overrides(
        _ configs: [CreateTopicsRequest.CreatableTopicConfig]
    ) throws(AdminRefusal) -> [String: String] {
        let missing = configs.filter { $0.value == nil }.map(\.name)
        guard missing.isEmpty else {
            throw AdminRefusal(
                .invalidConfig, "Null value not supported for topic configs: \(missing.joined(separator: ","))")
        }
        var overrides: [String: String] = [:]
        for config in configs { overrides[config.name] = config.value }
        try checkRelease(of: overrides.keys)
        try validateTopicConfigs(overrides)
        return overrides
    }

    private func place(_ wanted: CreateTopicsRequest.CreatableTopic) throws(AdminRefusal) -> [[Int32]] {
        guard wanted.replicationFactor == -1 || wanted.replicationFactor > 0 else {
            throw AdminRefusal(
                .invalidReplicationFactor,
                "Replication factor must be larger than 0, or -1 to use the default value.")
        }
        guard wanted.numPartitions == -1 || wanted.numPartitions > 0 else {
            throw AdminRefusal(
                .invalidPartitions, "Number of partitions was set to an invalid non-positive value.")
        }
        let count = wanted.numPartitions == -1 ? configs.number("num.partitions") : Int(wanted.numPartitions)
        let factor = wanted.replicationFactor == -1 ? defaultReplicationFactor : Int(wanted.replicationFactor)
        try checkPartitionCount(count)
        try checkReplicationFactor(factor)
        return place(partitions: count, replicationFactor: factor)
    }

    /// Bounds what a single request can make this process open; KRaft's bound for one request is 10,000 too.
    func checkPartitionCount(_ count: Int) throws(AdminRefusal) {
        guard count <= Self.largestPartitionCount else {
            throw AdminRefusal(
                .invalidPartitions,
                "Number of partitions \(count) is more than the \(Self.largestPartitionCount) that a topic may have.")
        }
    }

    private static let largestPartitionCount = 10_000

    func checkReplicationFactor(_ factor: Int) throws(AdminRefusal) {
        guard factor <= liveNodes.count else {
            throw AdminRefusal(
                .invalidReplicationFactor,
                "Unable to replicate the partition \(factor) time(s): The target replication factor of \(factor) "
                    + "cannot be reached because only \(liveNodes.count) broker(s) are registered.")
        }
    }

    private func manualAssignments(_ wanted: CreateTopicsRequest.CreatableTopic) throws(AdminRefusal) -> [[Int32]] {
        guard wanted.replicationFactor == -1 else {
            throw AdminRefusal(
                .invalidRequest,
                "A manual partition assignment was specified, but replication factor was not set to -1.")
        }
        guard wanted.numPartitions == -1 else {
            throw AdminRefusal(
                .invalidRequest, "A manual partition assignment was specified, but numPartitions was not set to -1.")
        }
        try checkPartitionCount(wanted.assignments.count)
        var byIndex: [Int32: [Int32]] = [:]
        for assignment in wanted.assignments {
            guard byIndex.updateValue(assignment.brokerIDs, forKey: assignment.partitionIndex) == nil else {
                throw AdminRefusal(
                    .invalidReplicaAssignment,
                    "Found multiple manual partition assignments for partition \(assignment.partitionIndex)")
            }
        }
        var assignments: [[Int32]] = []
        for index in 0..<Int32(wanted.assignments.count) {
            guard let replicas = byIndex[index] else {
                throw AdminRefusal(
                    .invalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
            }
            try checkReplicas(replicas, factor: assignments.first?.count)
            assignments.append(replicas)
        }
        return assignments
    }

    /// A list of replicas holds at least one broker, each once, and only those that there are.
    func checkReplicaList(_ replicas: [Int32], isRegistered: (Int32) -> Bool) throws(AdminRefusal) {
        guard !replicas.isEmpty else {
            throw AdminRefusal(
                .invalidReplicaAssignment, "The manual partition assignment includes an empty replica list.")
        }
        guard Set(replicas).count == replicas.count else {
            throw AdminRefusal(
                .invalidReplicaAssignment,
                "The manual partition assignment includes the same broker more than once: \(replicas)")
        }
        for id in replicas where !isRegistered(id) {
            throw AdminRefusal(
                .invalidReplicaAssignment,
                "The manual partition assignment includes broker \(id), but no such broker is registered.")
        }
    }

    /// - Parameter factor: how many replicas the topic's other partitions have, if it has others.
    func checkReplicas(_ replicas: [Int32], factor: Int?) throws(AdminRefusal) {
        try checkReplicaList(replicas) { node($0) != nil }
        guard factor == nil || factor == replicas.count else {
            throw AdminRefusal(
                .invalidReplicaAssignment,
                "The manual partition assignment includes a partition with \(replicas.count) replica(s), but this is "
                    + "not consistent with previous partitions, which have \(factor ?? 0) replica(s).")
        }
        guard replicas.contains(where: { node($0)?.isLive ?? false }) else {
            throw AdminRefusal(
                .invalidReplicaAssignment,
                "All brokers specified in the manual partition assignment are fenced or in controlled shutdown.")
        }
    }
}
