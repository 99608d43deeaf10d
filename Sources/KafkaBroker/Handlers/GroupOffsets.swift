import KafkaWire

// OffsetCommit: 0-10. OffsetFetch: 0-10. OffsetDelete: 0.
//
// - Commits go into `__consumer_offsets` in Kafka's record format and are answered when they are in its log. They are
//   taken from members of the present generation, and from anybody while the group has no members.
// - Topics go by id from version 10 on, in both. A commit for a topic that does not exist is refused for that topic.
// - OffsetFetch: all topics for a null list from version 2, several groups from version 8 (KIP-709). With `requireStable`
//   a partition is UNSTABLE_OFFSET_COMMIT while a transaction that commits it is open (KIP-447).
// - A member of a consumer group commits, and reads where it names itself, with its present epoch: STALE_MEMBER_EPOCH.
// - Retention time of versions 2-4 is kept with the offset.

extension OffsetCommitRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> OffsetCommitResponse {
        answered { _, _ in error }
    }

    fileprivate func answered(
        _ error: (OffsetCommitRequestTopic, OffsetCommitRequestPartition) -> ErrorCode
    ) -> OffsetCommitResponse {
        var response = OffsetCommitResponse()
        response.topics = topics.map { topic in
            var result = OffsetCommitResponse.OffsetCommitResponseTopic()
            result.name = topic.name
            result.topicID = topic.topicID
            result.partitions = topic.partitions.map { partition in
                var entry = OffsetCommitResponse.OffsetCommitResponsePartition()
                entry.partitionIndex = partition.partitionIndex
                entry.errorCode = error(topic, partition)
                return entry
            }
            return result
        }
        return response
    }
}

extension OffsetFetchRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> OffsetFetchResponse {
        var response = OffsetFetchResponse()
        response.errorCode = error
        response.groups = groups.map { group in
            var result = OffsetFetchResponse.OffsetFetchResponseGroup()
            result.groupID = group.groupID
            result.errorCode = error
            return result
        }
        return response
    }
}

extension OffsetDeleteRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> OffsetDeleteResponse {
        var response = OffsetDeleteResponse()
        response.errorCode = error
        return response
    }
}

extension Cluster {
    func offsetCommit(_ request: OffsetCommitRequest, _ context: RequestContext) -> OffsetCommitResponse {
        if let error = groupFault(request.groupID, at: context.node) { return request.refused(error) }
        guard request.generationIDOrMemberEpoch < 0 || groups.groups[request.groupID] != nil else {
            return request.refused(context.version >= 9 ? .groupIDNotFound : .illegalGeneration)
        }
        let entry = group(request.groupID)
        let admission = admitCommit(request, entry, context)
        guard admission == .none else { return request.refused(admission) }

        let now = clock.wallTime()
        let longestMetadata = configs.number("offset.metadata.max.bytes")
        var commits: [(topic: String, partition: Int32, offset: CommittedOffset)] = []
        func fault(
            _ wanted: OffsetCommitRequest.OffsetCommitRequestTopic,
            _ partition: OffsetCommitRequest.OffsetCommitRequestPartition
        ) -> ErrorCode {
            guard let topic = topic(named: wanted.name, orID: wanted.topicID) else {
                return context.version >= 10 ? .unknownTopicID : .unknownTopicOrPartition
            }
            guard topic.partition(partition.partitionIndex) != nil else { return .unknownTopicOrPartition }
            let metadata = partition.committedMetadata ?? ""
            guard metadata.utf8.count <= longestMetadata else { return .offsetMetadataTooLarge }
            let retention = request.retentionTimeMs >= 0 ? request.retentionTimeMs : nil
            commits.append(
                (
                    topic.name, partition.partitionIndex,
                    CommittedOffset(
                        offset: partition.committedOffset, leaderEpoch: partition.committedLeaderEpoch,
                        metadata: metadata,
                        commitTimestamp: partition.commitTimestamp >= 0 && context.version == 1
                            ? partition.commitTimestamp : now,
                        expireTimestamp: retention.map { now.addingReportingOverflow($0).partialValue })
                ))
            return .none
        }
        let response = request.answered(fault)
        guard !commits.isEmpty else { return response }
        do throws(AdminRefusal) {
            try store(commits, of: entry)
            return response
        } catch {
            return request.refused(error.code)
        }
    }

    private func admitCommit(
        _ request: OffsetCommitRequest, _ entry: GroupEntry, _ context: RequestContext
    ) -> ErrorCode {
        switch entry.state {
        case .classic:
            entry.state.changeClassic {
                $0.admitCommit(
                    memberID: request.memberID, instanceID: request.groupInstanceID,
                    generation: request.generationIDOrMemberEpoch, now: clock.steadyTime())
            } ?? .unknownServerError
        case .consumer(let group):
            group.admitCommit(
                memberID: request.memberID, epoch: request.generationIDOrMemberEpoch, isTransactional: false,
                knowsEpochs: context.version >= 9)
        case .memberless(_, .share): .groupIDNotFound
        case .memberless: request.generationIDOrMemberEpoch < 0 ? .none : .unknownMemberID
        }
    }

    func offsetFetch(_ request: OffsetFetchRequest, _ context: RequestContext) -> OffsetFetchResponse {
        var response = OffsetFetchResponse()
        guard context.version < 8 else {
            let unique = request.groups.uniqued { Array($0.groupID.utf8) }
            response.groups = unique.map { offsets(of: $0, isStable: request.requireStable, context) }
            return response
        }
        if let error = groupFault(request.groupID, at: context.node) {
            response.errorCode = error
            // Before version 2 only partitions can carry an error.
            if context.version < 2 { response.topics = request.topics.map { refused($0, error) } ?? [] }
            return response
        }
        let entry = groups.groups[request.groupID].flatMap { $0.state.type == .share ? nil : $0 }
        let wanted =
            request.topics
            ?? (entry?.offsets ?? [:]).sorted { $0.key < $1.key }.map { name, partitions in
                var topic = OffsetFetchRequest.OffsetFetchRequestTopic()
                topic.name = name
                topic.partitionIndexes = partitions.keys.sorted()
                return topic
            }
        response.topics = wanted.map { topic in
            var result = OffsetFetchResponse.OffsetFetchResponseTopic()
            result.name = topic.name
            result.partitions = topic.partitionIndexes.map { index in
                let committed = entry?.offsets.exactly(topic.name)?[index]
                var partition = OffsetFetchResponse.OffsetFetchResponsePartition()
                partition.partitionIndex = index
                partition.committedOffset = committed?.offset ?? -1
                partition.committedLeaderEpoch = committed?.leaderEpoch ?? -1
                partition.metadata = committed?.metadata ?? ""
                if request.requireStable, entry?.pendingOffsets.contains(topic.name, index) == true {
                    partition.errorCode = .unstableOffsetCommit
                    partition.committedOffset = -1
                    partition.committedLeaderEpoch = -1
                    partition.metadata = ""
                }
                return partition
            }
            return result
        }
        return response
    }

    private func refused(
        _ topics: [OffsetFetchRequest.OffsetFetchRequestTopic], _ error: ErrorCode
    ) -> [OffsetFetchResponse.OffsetFetchResponseTopic] {
        topics.map { topic in
            var result = OffsetFetchResponse.OffsetFetchResponseTopic()
            result.name = topic.name
            result.partitions = topic.partitionIndexes.map { index in
                var partition = OffsetFetchResponse.OffsetFetchResponsePartition()
                partition.partitionIndex = index
                partition.committedOffset = -1
                partition.errorCode = error
                return partition
            }
            return result
        }
    }

    private func offsets(
        of wanted: OffsetFetchRequest.OffsetFetchRequestGroup, isStable: Bool, _ context: RequestContext
    ) -> OffsetFetchResponse.OffsetFetchResponseGroup {
        var result = OffsetFetchResponse.OffsetFetchResponseGroup()
        result.groupID = wanted.groupID
        if let error = groupFault(wanted.groupID, at: context.node) {
            result.errorCode = error
            return result
        }
        // A share group has no committed offsets.
        let entry = groups.groups[wanted.groupID].flatMap { $0.state.type == .share ? nil : $0 }
        if let group = entry?.state.consumer {
            let error = group.admitFetch(memberID: wanted.memberID, epoch: wanted.memberEpoch)
            guard error == .none else {
                result.errorCode = error
                return result
            }
        }
        if let topics = wanted.topics {
            result.topics = topics.map { offsets(of: $0, entry, isStable: isStable, context) }
        } else {
            result.topics = (entry?.offsets ?? [:]).sorted { $0.key < $1.key }.compactMap { name, partitions in
                var topic = OffsetFetchRequest.OffsetFetchRequestTopics()
                topic.name = name
                topic.topicID = topics[name]?.id ?? .zero
                topic.partitionIndexes = partitions.keys.sorted()
                return offsets(of: topic, entry, isStable: isStable, context)
            }
        }
        return result
    }

    private func offsets(
        of wanted: OffsetFetchRequest.OffsetFetchRequestTopics, _ entry: GroupEntry?, isStable: Bool,
        _ context: RequestContext
    ) -> OffsetFetchResponse.OffsetFetchResponseTopics {
        var result = OffsetFetchResponse.OffsetFetchResponseTopics()
        result.name = wanted.name
        result.topicID = wanted.topicID
        let topic = context.version >= 10 ? topicsByID[wanted.topicID] : topics.exactly(wanted.name)
        let name = topic?.name ?? wanted.name
        result.partitions = wanted.partitionIndexes.map { index in
            var partition = OffsetFetchResponse.OffsetFetchResponsePartitions()
            partition.partitionIndex = index
            partition.committedOffset = -1
            if context.version >= 10, topic == nil { partition.errorCode = .unknownTopicID }
            if isStable, entry?.pendingOffsets.contains(name, index) == true {
                partition.errorCode = .unstableOffsetCommit
            } else if let committed = entry?.offsets.exactly(name)?[index] {
                partition.committedOffset = committed.offset
                partition.committedLeaderEpoch = committed.leaderEpoch
                partition.metadata = committed.metadata
            }
            return partition
        }
        return result
    }

    func offsetDelete(_ request: OffsetDeleteRequest, _ context: RequestContext) -> OffsetDeleteResponse {
        if let error = groupFault(request.groupID, at: context.node) { return request.refused(error) }
        guard let entry = groups.groups[request.groupID] else { return request.refused(.groupIDNotFound) }
        // Without members everything may go; with them, what no subscription names.
        guard entry.state.type != .share else { return request.refused(.groupIDNotFound) }
        guard let subscribed = entry.state.subscribedTopics else { return request.refused(.nonEmptyGroup) }
        var doomed: [(topic: String, partition: Int32)] = []
        var response = OffsetDeleteResponse()
        response.topics = request.topics.map { topic in
            var result = OffsetDeleteResponse.OffsetDeleteResponseTopic()
            result.name = topic.name
            result.partitions = topic.partitions.map { partition in
                var entry = OffsetDeleteResponse.OffsetDeleteResponsePartition()
                entry.partitionIndex = partition.partitionIndex
                if self.partition(topic.name, partition.partitionIndex) == nil {
                    entry.errorCode = .unknownTopicOrPartition
                } else if subscribed.contains(topic.name) {
                    entry.errorCode = .groupSubscribedToTopic
                } else {
                    doomed.append((topic.name, partition.partitionIndex))
                }
                return entry
            }
            return result
        }
        do throws(AdminRefusal) {
            try removeOffsets(doomed, of: entry)
            return response
        } catch {
            return request.refused(error.code)
        }
    }
}
