import BoundedExpressions
import KafkaWire

// ConsumerGroupHeartbeat: 0-1. ConsumerGroupDescribe: 0-1.
//
// - The consumer group protocol (KIP-848) as Kafka's coordinator runs it: see ``ConsumerGroup``. Assignors `uniform`
//   and `range`, subscriptions by names and by expressions in RE2's syntax, static members, changes from and to classic
//   groups (`group.consumer.migration.policy`).
// - From version 1 on a member chooses its id.
// - A subscription to a topic that the caller may not describe is TOPIC_AUTHORIZATION_FAILED; an expression matches
//   what it may.
// - Below level 1 of `group.version` both are UNSUPPORTED_VERSION.
// - Left out: a change of a partition's racks moves nothing.

extension ConsumerGroupHeartbeatRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> ConsumerGroupHeartbeatResponse { refused(AdminRefusal(error, "")) }

    func refused(_ refusal: AdminRefusal) -> ConsumerGroupHeartbeatResponse {
        var response = ConsumerGroupHeartbeatResponse()
        response.errorCode = refusal.code
        response.errorMessage = refusal.message.isEmpty ? nil : refusal.message
        return response
    }
}

extension Cluster {
    func consumerGroupHeartbeat(
        _ request: ConsumerGroupHeartbeatRequest, _ context: RequestContext
    ) -> ConsumerGroupHeartbeatResponse {
        guard release.level(of: .groups) > 0 else { return request.refused(.unsupportedVersion) }
        do throws(AdminRefusal) {
            try request.check(version: context.version, assignors: serverAssignors)
            if let error = coordinatorFault(request.groupID, at: context.node) { return request.refused(error) }
            return try beat(request, context)
        } catch {
            return request.refused(error)
        }
    }

    private func beat(
        _ request: ConsumerGroupHeartbeatRequest, _ context: RequestContext
    ) throws(AdminRefusal) -> ConsumerGroupHeartbeatResponse {
        let groupContext = consumerContext(of: request.groupID, caller: context.caller)
        let client = ConsumerGroup.Client(
            id: context.clientID, host: "/" + context.clientHost,
            proposedMemberID: KafkaUUID.random().description)
        let (entry, former) = try prepareConsumerGroup(
            request.groupID, isJoining: request.memberEpoch == 0, groupContext)
        let response: ConsumerGroupHeartbeatResponse?
        do throws(AdminRefusal) {
            response = try entry.state.changeConsumer { group throws(AdminRefusal) in
                try group.heartbeat(request, from: client, groupContext)
            }
        } catch {
            if let former { entry.state = former }
            if entry.state.protocolType == nil, entry.offsets.isEmpty, entry.pendingOffsets.isEmpty {
                removeGroup(entry)
            }
            throw error
        }
        if let former { try completeUpgrade(of: former, entry) }
        downgradeIfClassic(entry, rebalances: true)
        try settle(entry)
        return response ?? request.refused(.unknownServerError)
    }

    func consumerGroupDescribe(
        _ request: ConsumerGroupDescribeRequest, _ context: RequestContext
    ) -> ConsumerGroupDescribeResponse {
        guard release.level(of: .groups) > 0 else { return request.refused(.unsupportedVersion) }
        return request.answered { described throws(AdminRefusal) in
            let entry = try self.existingGroup(described.groupID, context)
            guard let group = entry.state.consumer else {
                throw AdminRefusal(.groupIDNotFound, "Group \(described.groupID) is not a consumer group.")
            }
            try self.describe(group, &described, context.caller)
        }
    }

    private func describe(
        _ group: ConsumerGroup, _ described: inout ConsumerGroupDescribeResponse.DescribedGroup, _ caller: Caller
    ) throws(AdminRefusal) {
        let hidden = group.subscribedTopics.union(group.assignedTopics(ClusterTopics(cluster: self, caller: nil)))
            .contains { caller.isRestricted && !caller.may(.describe, .topic, $0) }
        guard !hidden else {
            throw AdminRefusal(
                .topicAuthorizationFailed,
                "The group has described topic(s) that the client is not authorized to describe.")
        }
        described.groupState = group.stateName
        described.groupEpoch = group.epoch
        described.assignmentEpoch = group.targetEpoch
        described.assignorName = group.assignor(of: serverAssignors).rawValue
        described.members = group.members.sorted { $0.key.text < $1.key.text }.map { key, member in
            var result = ConsumerGroupDescribeResponse.Member()
            result.memberID = member.id
            result.instanceID = member.instanceID
            result.rackID = member.rackID
            result.memberEpoch = member.epoch
            result.clientID = member.clientID
            result.clientHost = member.clientHost
            result.subscribedTopicNames = member.subscription.names
            result.subscribedTopicRegex =
                member.subscription.expression.isEmpty ? nil : member.subscription.expression
            result.assignment = assignment(member.assigned)
            result.targetAssignment = assignment(group.targets[key] ?? PartitionMap())
            result.memberType = member.usesClassicProtocol ? 0 : 1
            return result
        }
    }

    private func assignment(_ partitions: PartitionMap) -> ConsumerGroupDescribeResponse.Assignment {
        var assignment = ConsumerGroupDescribeResponse.Assignment()
        assignment.topicPartitions = partitions.sorted.compactMap { id, partitions in
            guard let topic = topicsByID[id] else { return nil }
            var result = ConsumerGroupDescribeResponse.TopicPartitions()
            result.topicID = id
            result.topicName = topic.name
            result.partitions = partitions
            return result
        }
        return assignment
    }
}

extension ConsumerGroup {
    fileprivate func assignedTopics(_ catalog: any TopicCatalog) -> [String] {
        members.values.flatMap { $0.held.topics.keys }.compactMap { catalog.topic(withID: $0)?.name }
    }
}

extension ConsumerGroupHeartbeatRequest {
    /// Refuses what no group could take, in Kafka's words.
    fileprivate func check(version: Int16, assignors: [ServerAssignor]) throws(AdminRefusal) {
        func require(_ condition: Bool, _ message: String) throws(AdminRefusal) {
            if !condition { throw AdminRefusal(.invalidRequest, message) }
        }
        try require(!memberID.isEmpty || (version == 0 && memberEpoch == 0), "MemberId can't be empty.")
        guard !groupID.isEmpty else { throw AdminRefusal(.invalidRequest, "GroupId can't be empty.") }
        try require(instanceID != "", "InstanceId can't be empty.")
        try require(rackID != "", "RackId can't be empty.")
        switch memberEpoch {
        case 1...: break
        case MemberEpoch.joining:
            try require(rebalanceTimeoutMs != -1, "RebalanceTimeoutMs must be provided in first request.")
            try require(topicPartitions?.isEmpty == true, "TopicPartitions must be empty when (re-)joining.")
            try require(
                subscribedTopicNames != nil || subscribedTopicRegex != nil,
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
        case MemberEpoch.leaving: break
        case MemberEpoch.leftForAWhile: try require(instanceID != nil, "InstanceId can't be null.")
        default: try require(false, "MemberEpoch is invalid.")
        }
        if let serverAssignor, !assignors.contains(where: { $0.rawValue == serverAssignor }) {
            throw AdminRefusal(
                .unsupportedAssignor,
                "ServerAssignor \(serverAssignor) is not supported. Supported assignors: "
                    + "\(assignors.map(\.rawValue).joined(separator: ", ")).")
        }
        if let subscribedTopicRegex, !subscribedTopicRegex.isEmpty {
            do throws(InvalidExpression) {
                _ = try BoundedExpression(re2: subscribedTopicRegex)
            } catch {
                throw AdminRefusal(
                    .invalidRegularExpression,
                    "SubscribedTopicRegex `\(subscribedTopicRegex)` is not a valid regular expression: "
                        + "\(error.reason).")
            }
        }
    }
}
