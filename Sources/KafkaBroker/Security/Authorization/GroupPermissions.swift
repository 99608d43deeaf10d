import KafkaWire

// What groups need: membership and commits READ, looking DESCRIBE, removing DELETE on the group; for the offsets of a
// topic also READ (to commit and delete) or DESCRIBE (to look) on the topic.

extension FindCoordinatorRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<FindCoordinatorResponse> {
        let type: ACLResourceType? = keyType == 0 ? .group : keyType == 1 ? .transactionalID : nil
        guard let type else { return .whole }
        let code: ErrorCode = type == .group ? .groupAuthorizationFailed : .transactionalIDAuthorizationFailed
        if context.version < 4 {
            return context.caller.may(.describe, type, key) ? .whole : .refused(refused(code))
        }
        let denied = context.caller.extract(from: &coordinatorKeys, unless: .describe, on: type) { $0 }
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.coordinatorKeys = denied
        let answer = rest.refused(code).coordinators
        return .part { $0.coordinators += answer }
    }
}

extension JoinGroupRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<JoinGroupResponse> {
        context.caller.may(.read, .group, groupID) ? .whole : .refused(refused(.groupAuthorizationFailed))
    }
}

extension SyncGroupRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<SyncGroupResponse> {
        context.caller.may(.read, .group, groupID) ? .whole : .refused(refused(.groupAuthorizationFailed))
    }
}

extension HeartbeatRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<HeartbeatResponse> {
        context.caller.may(.read, .group, groupID) ? .whole : .refused(refused(.groupAuthorizationFailed))
    }
}

extension LeaveGroupRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<LeaveGroupResponse> {
        context.caller.may(.read, .group, groupID) ? .whole : .refused(refused(.groupAuthorizationFailed))
    }
}

extension OffsetCommitRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<OffsetCommitResponse> {
        let caller = context.caller
        guard caller.may(.read, .group, groupID) else { return .refused(refused(.groupAuthorizationFailed)) }
        let denied = caller.extract(from: &topics, unless: .read, on: .topic) {
            context.cluster.name(of: $0.name, $0.topicID)
        }
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.topics = denied
        let answer = rest.refused(.topicAuthorizationFailed).topics
        return .part { $0.topics += answer }
    }
}

extension OffsetFetchRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<OffsetFetchResponse> {
        let caller = context.caller
        guard caller.isRestricted else { return .whole }
        return context.version < 8 ? admitGroup(context, caller) : admitGroups(context, caller)
    }

    private mutating func admitGroup(
        _ context: RequestContext, _ caller: Caller
    ) -> Admission<OffsetFetchResponse> {
        guard caller.may(.describe, .group, groupID) else {
            var response = refused(.groupAuthorizationFailed)
            // Before version 2 only partitions can carry an error.
            if context.version < 2 { response.topics = Self.answer(topics ?? [], .groupAuthorizationFailed) }
            return .refused(response)
        }
        let listsAll = topics == nil
        var wanted = topics ?? []
        let denied = caller.extract(from: &wanted, unless: .describe, on: .topic, \.name)
        if !listsAll { topics = wanted }
        return .part { response in
            if listsAll { response.topics.removeAll { !caller.may(.describe, .topic, $0.name) } }
            response.topics += Self.answer(denied, .topicAuthorizationFailed)
        }
    }

    private static func answer(
        _ topics: [OffsetFetchRequestTopic], _ error: ErrorCode
    ) -> [OffsetFetchResponse.OffsetFetchResponseTopic] {
        topics.map { topic in
            var entry = OffsetFetchResponse.OffsetFetchResponseTopic()
            entry.name = topic.name
            entry.partitions = topic.partitionIndexes.map { index in
                var partition = OffsetFetchResponse.OffsetFetchResponsePartition()
                partition.partitionIndex = index
                partition.committedOffset = -1
                partition.errorCode = error
                return partition
            }
            return entry
        }
    }

    private mutating func admitGroups(
        _ context: RequestContext, _ caller: Caller
    ) -> Admission<OffsetFetchResponse> {
        let cluster = context.cluster
        let deniedGroups = groups.extract { !caller.may(.describe, .group, $0.groupID) }
        var deniedTopics: [ExactName: [OffsetFetchRequestTopics]] = [:]
        for index in groups.indices {
            guard var wanted = groups[index].topics else { continue }
            deniedTopics[groups[index].groupID] = caller.extract(from: &wanted, unless: .describe, on: .topic) {
                cluster.name(of: $0.name, $0.topicID)
            }
            groups[index].topics = wanted
        }
        let unnamed = Set(groups.filter { $0.topics == nil }.map { ExactName($0.groupID) })
        var rest = self
        rest.groups = deniedGroups
        let answer = rest.refused(.groupAuthorizationFailed).groups
        return .part { [deniedTopics] response in
            for index in response.groups.indices where response.groups[index].errorCode == .none {
                let id = response.groups[index].groupID
                if unnamed.contains(id) {
                    response.groups[index].topics.removeAll { topic in
                        let name = topic.name.isEmpty ? cluster.name(of: nil, topic.topicID) : topic.name
                        return !caller.may(.describe, .topic, name ?? "")
                    }
                }
                response.groups[index].topics += (deniedTopics[id] ?? []).map(\.denied)
            }
            response.groups += answer
        }
    }
}

extension OffsetFetchRequest.OffsetFetchRequestTopics {
    fileprivate var denied: OffsetFetchResponse.OffsetFetchResponseTopics {
        var entry = OffsetFetchResponse.OffsetFetchResponseTopics()
        entry.name = name
        entry.topicID = topicID
        entry.partitions = partitionIndexes.map { index in
            var partition = OffsetFetchResponse.OffsetFetchResponsePartitions()
            partition.partitionIndex = index
            partition.committedOffset = -1
            partition.errorCode = .topicAuthorizationFailed
            return partition
        }
        return entry
    }
}

extension OffsetDeleteRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<OffsetDeleteResponse> {
        let caller = context.caller
        guard caller.may(.delete, .group, groupID) else { return .refused(refused(.groupAuthorizationFailed)) }
        let denied = caller.extract(from: &topics, unless: .read, on: .topic, \.name)
        guard !denied.isEmpty else { return .whole }
        let answer = denied.map { topic in
            var entry = OffsetDeleteResponse.OffsetDeleteResponseTopic()
            entry.name = topic.name
            entry.partitions = topic.partitions.map { wanted in
                var partition = OffsetDeleteResponse.OffsetDeleteResponsePartition()
                partition.partitionIndex = wanted.partitionIndex
                partition.errorCode = .topicAuthorizationFailed
                return partition
            }
            return entry
        }
        return .part { response in if response.errorCode == .none { response.topics += answer } }
    }
}

extension ListGroupsRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<ListGroupsResponse> {
        let caller = context.caller
        guard !caller.may(.describe) else { return .whole }
        return .part { $0.groups.removeAll { !caller.may(.describe, .group, $0.groupID) } }
    }
}

extension DescribeGroupsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<DescribeGroupsResponse> {
        let caller = context.caller
        let denied = caller.extract(from: &groups, unless: .describe, on: .group) { $0 }
        let wantsOperations = includeAuthorizedOperations
        guard !denied.isEmpty || wantsOperations else { return .whole }
        var rest = self
        rest.groups = denied
        let answer = rest.refused(.groupAuthorizationFailed).groups
        return .part { response in
            if wantsOperations {
                for index in response.groups.indices where response.groups[index].errorCode == .none {
                    response.groups[index].authorizedOperations =
                        caller.operations(on: .group, response.groups[index].groupID)
                }
            }
            response.groups += answer
        }
    }
}

extension DeleteGroupsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<DeleteGroupsResponse> {
        let denied = context.caller.extract(from: &groupsNames, unless: .delete, on: .group) { $0 }
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.groupsNames = denied
        let answer = rest.refused(.groupAuthorizationFailed).results
        return .part { $0.results += answer }
    }
}

extension ConsumerGroupHeartbeatRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<ConsumerGroupHeartbeatResponse> {
        let caller = context.caller
        guard caller.may(.read, .group, groupID) else { return .refused(refused(.groupAuthorizationFailed)) }
        // What an expression may match is looked at where it is matched.
        let denied = (subscribedTopicNames ?? []).contains { caller.isRestricted && !caller.may(.describe, .topic, $0) }
        return denied ? .refused(refused(.topicAuthorizationFailed)) : .whole
    }
}

// Groups of one type, described.
extension GroupDescribeRequest {
    mutating func admit(_ context: RequestContext) -> Admission<Response> {
        let caller = context.caller
        let denied = caller.extract(from: &groupIDs, unless: .describe, on: .group) { $0 }
        let wantsOperations = includeAuthorizedOperations
        guard !denied.isEmpty || wantsOperations else { return .whole }
        var rest = self
        rest.groupIDs = denied
        let answer = rest.refused(.groupAuthorizationFailed).groups
        return .part { response in
            if wantsOperations {
                for index in response.groups.indices where response.groups[index].errorCode == .none {
                    response.groups[index].authorizedOperations =
                        caller.operations(on: .group, response.groups[index].groupID)
                }
            }
            response.groups += answer
        }
    }
}

extension DescribeShareGroupOffsetsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<DescribeShareGroupOffsetsResponse> {
        let caller = context.caller
        guard caller.isRestricted else { return .whole }
        let refusedGroups = groups.extract { !caller.may(.describe, .group, $0.groupID) }
            .map { $0.refused(.groupAuthorizationFailed) }
        return .part { response in
            for group in response.groups.indices {
                for topic in response.groups[group].topics.indices {
                    let name = response.groups[group].topics[topic].topicName
                    if !caller.may(.describe, .topic, name) { response.groups[group].topics[topic].hide() }
                }
            }
            response.groups += refusedGroups
        }
    }
}

extension DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseTopic {
    fileprivate mutating func hide() {
        topicID = .zero
        for index in partitions.indices {
            partitions[index].startOffset = -1
            partitions[index].leaderEpoch = 0
            partitions[index].lag = -1
            partitions[index].errorCode = .topicAuthorizationFailed
        }
    }
}

extension AlterShareGroupOffsetsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<AlterShareGroupOffsetsResponse> {
        let caller = context.caller
        guard caller.may(.read, .group, groupID) else { return .refused(refused(.groupAuthorizationFailed)) }
        let denied = caller.extract(from: &topics, unless: .read, on: .topic, \.topicName)
        guard !denied.isEmpty else { return .whole }
        let answer = denied.map { topic in
            var entry = AlterShareGroupOffsetsResponse.AlterShareGroupOffsetsResponseTopic()
            entry.topicName = topic.topicName
            entry.partitions = topic.partitions.map { wanted in
                var partition = AlterShareGroupOffsetsResponse.AlterShareGroupOffsetsResponsePartition()
                partition.partitionIndex = wanted.partitionIndex
                partition.errorCode = .topicAuthorizationFailed
                return partition
            }
            return entry
        }
        return .part { response in if response.errorCode == .none { response.responses += answer } }
    }
}

extension DeleteShareGroupOffsetsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<DeleteShareGroupOffsetsResponse> {
        let caller = context.caller
        guard caller.may(.delete, .group, groupID) else { return .refused(refused(.groupAuthorizationFailed)) }
        let denied = caller.extract(from: &topics, unless: .read, on: .topic, \.topicName)
        guard !denied.isEmpty else { return .whole }
        let answer = denied.map { topic in
            var entry = DeleteShareGroupOffsetsResponse.DeleteShareGroupOffsetsResponseTopic()
            entry.topicName = topic.topicName
            entry.errorCode = .topicAuthorizationFailed
            return entry
        }
        return .part { response in if response.errorCode == .none { response.responses += answer } }
    }
}
