public import KafkaWire

/// A group as its coordinator lists it.
public struct GroupListing: Sendable, Hashable {
    public var id: String
    /// `consumer` for consumers; empty for groups that only hold offsets.
    public var protocolType: String
    /// `classic`, `consumer`, `share` or `streams`; empty before Kafka 3.8 (KIP-848).
    public var type: String
    /// Such as `Stable` or `Empty`; empty before Kafka 2.6.
    public var state: String
    public var coordinator: Int32

    public init(id: String, protocolType: String, type: String = "", state: String, coordinator: Int32) {
        self.id = id
        self.protocolType = protocolType
        self.type = type
        self.state = state
        self.coordinator = coordinator
    }
}

extension GroupListing {
    public var kind: GroupKind { GroupKind(type: type, protocolType: protocolType) }
}

/// A position that a group has committed.
public struct CommittedOffset: Sendable, Hashable {
    public var offset: Int64
    /// -1 when the consumer did not say.
    public var leaderEpoch: Int32
    public var metadata: String?

    public init(offset: Int64, leaderEpoch: Int32 = -1, metadata: String? = nil) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
    }
}

extension ClusterClient {
    /// All groups of the cluster: every broker is asked for those it coordinates.
    ///
    /// - Throws: when any broker does not answer, since the list would look complete and not be.
    public func listGroups() async throws(KafkaError) -> [GroupListing] {
        try await retrying(during: .listGroups) { () throws(KafkaError) in
            let brokers = try await self.metadata(.none, allowingAge: .seconds(10)).brokers.keys.sorted()
            let listings = await withTaskGroup(of: Result<[GroupListing], KafkaError>.self) { group in
                for broker in brokers { group.addTask { await self.groups(at: broker) } }
                var listings: [Result<[GroupListing], KafkaError>] = []
                for await listing in group { listings.append(listing) }
                return listings
            }
            var all: [GroupListing] = []
            for listing in listings { all += try listing.get() }
            return all.sorted { $0.id < $1.id }
        }
    }

    private func groups(at broker: Int32) async -> Result<[GroupListing], KafkaError> {
        do throws(KafkaError) {
            let response = try await send(ListGroupsRequest(), to: .broker(broker))
            return response.errorCode.outcome(
                response.groups.map {
                    GroupListing(
                        id: $0.groupID, protocolType: $0.protocolType, type: $0.groupType.lowercased(),
                        state: $0.groupState, coordinator: broker)
                }
            ) { error($0, during: .request(.listGroups)) }
        } catch {
            return .failure(error)
        }
    }

    /// The offsets that a group has committed. Partitions without a commit are left out.
    ///
    /// - Parameter partitions: nil for all that it has committed.
    public func committedOffsets(
        of group: String, _ partitions: [TopicPartition]? = nil
    ) async throws(KafkaError) -> Outcomes<TopicPartition, CommittedOffset> {
        try await retrying(during: .offsetFetch, at: .group(group)) { () throws(KafkaError) in
            let response = try await self.send(
                Self.offsetFetch(group, partitions), to: .coordinator(group: group))
            return try self.outcomes(in: response, group)
        }
    }

    private static func offsetFetch(_ group: String, _ partitions: [TopicPartition]?) -> OffsetFetchRequest {
        let byTopic = partitions.map { Dictionary(grouping: $0, by: \.topic).sorted { $0.key < $1.key } }
        var request = OffsetFetchRequest()
        // The form up to version 7 …
        request.groupID = group
        request.topics = byTopic?.map { name, partitions in
            var topic = OffsetFetchRequest.OffsetFetchRequestTopic()
            topic.name = name
            topic.partitionIndexes = partitions.map(\.partition)
            return topic
        }
        // … and the one since.
        var entry = OffsetFetchRequest.OffsetFetchRequestGroup()
        entry.groupID = group
        entry.topics = byTopic?.map { name, partitions in
            var topic = OffsetFetchRequest.OffsetFetchRequestTopics()
            topic.name = name
            topic.partitionIndexes = partitions.map(\.partition)
            return topic
        }
        request.groups = [entry]
        return request
    }

    private func outcomes(
        in response: OffsetFetchResponse, _ group: String
    ) throws(KafkaError) -> Outcomes<TopicPartition, CommittedOffset> {
        let ofGroup = response.groups.first { $0.groupID == group }
        let code = ofGroup?.errorCode ?? response.errorCode
        guard code == .none else { throw error(.broker(code, message: nil), .offsetFetch, group) }
        var outcomes: Outcomes<TopicPartition, CommittedOffset> = [:]
        func add(_ topic: String, _ partition: Int32, _ code: ErrorCode, _ committed: CommittedOffset) {
            guard code != .none || committed.offset >= 0 else { return }
            outcomes[TopicPartition(topic, partition)] = code.outcome(
                committed, flaw: NumberCheck.flaw(committed.offset, "committed offset")
            ) {
                error($0, .offsetFetch, group).about(topic: topic, partition: partition)
            }
        }
        for topic in response.topics {
            for entry in topic.partitions {
                add(
                    topic.name, entry.partitionIndex, entry.errorCode,
                    CommittedOffset(
                        offset: entry.committedOffset, leaderEpoch: entry.committedLeaderEpoch, metadata: entry.metadata
                    ))
            }
        }
        for topic in ofGroup?.topics ?? [] {
            for entry in topic.partitions {
                add(
                    topic.name, entry.partitionIndex, entry.errorCode,
                    CommittedOffset(
                        offset: entry.committedOffset, leaderEpoch: entry.committedLeaderEpoch, metadata: entry.metadata
                    ))
            }
        }
        return outcomes
    }

    /// Commits positions for a group that has no members: with members the coordinator refuses.
    ///
    /// - Parameters:
    ///   - topicIDs: ids of the topics by name. Where all are known, and the coordinator takes them (Kafka 4.1), a
    ///     namesake that was created since gets no position (UNKNOWN_TOPIC_ID).
    ///   - mayStill: asked before each request, also one that is sent again; where it is false the outcome is `.cancelled`.
    public func commitOffsets(
        of group: String, _ offsets: [TopicPartition: CommittedOffset], topicIDs: [String: KafkaUUID] = [:],
        mayStill: @Sendable () -> Bool = { true }
    ) async -> Outcomes<TopicPartition, Void> {
        let isIdentified = offsets.keys.allSatisfy { topicIDs[$0.topic].map { $0 != .zero } ?? false }
        let names = Dictionary(topicIDs.map { ($0.value, $0.key) }) { first, _ in first }
        return await retrying(offsets.keys, during: .offsetCommit, at: .group(group)) { pending, _ in
            do throws(KafkaError) {
                guard mayStill() else { throw error(.cancelled, .offsetCommit, group) }
                var request = OffsetCommitRequest()
                request.groupID = group
                request.topics = Dictionary(grouping: pending, by: \.topic).map { name, partitions in
                    var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
                    topic.name = name
                    topic.topicID = topicIDs[name] ?? .zero
                    topic.partitions = partitions.compactMap { partition in
                        offsets[partition].map { .init(partition.partition, $0) }
                    }
                    return topic
                }
                let response = try await send(
                    request, to: .coordinator(group: group), versions: isIdentified ? 2...10 : 2...9)
                var outcomes: Outcomes<TopicPartition, Void> = [:]
                for topic in response.topics {
                    let name = topic.topicID == .zero ? topic.name : names[topic.topicID] ?? topic.name
                    for partition in topic.partitions {
                        outcomes[TopicPartition(name, partition.partitionIndex)] = partition.errorCode.outcome(()) {
                            error($0, .offsetCommit, group).about(topic: name, partition: partition.partitionIndex)
                        }
                    }
                }
                return outcomes
            } catch {
                return Dictionary(
                    uniqueKeysWithValues: pending.map {
                        ($0, .failure(error.about(topic: $0.topic, partition: $0.partition)))
                    })
            }
        }
    }

    func error(_ reason: KafkaError.Reason, _ api: ApiKey, _ group: String) -> KafkaError {
        var error = self.error(reason, during: .request(api))
        error.group = group
        return error
    }
}

extension OffsetCommitRequest.OffsetCommitRequestPartition {
    fileprivate init(_ partition: Int32, _ committed: CommittedOffset) {
        self.init()
        partitionIndex = partition
        committedOffset = committed.offset
        committedLeaderEpoch = committed.leaderEpoch
        committedMetadata = committed.metadata
    }
}
