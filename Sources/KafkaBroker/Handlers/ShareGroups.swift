import KafkaWire
import NIOCore

// DescribeShareGroupOffsets: 0-1. AlterShareGroupOffsets: 0. DeleteShareGroupOffsets: 0. ShareGroupDescribe: 1.
//
// - A share group (KIP-932) is its start offsets: AlterShareGroupOffsets creates it, and it has no members.
// - A group of another type is GROUP_ID_NOT_FOUND. A partition without a start offset has -1.
// - Left out: everything that delivers records (ShareGroupHeartbeat, ShareFetch, ShareAcknowledge), and its state.

extension DescribeShareGroupOffsetsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeShareGroupOffsetsResponse {
        var response = DescribeShareGroupOffsetsResponse()
        response.groups = groups.map { $0.refused(error) }
        return response
    }
}

extension DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup {
    func refused(
        _ error: ErrorCode, _ message: String? = nil
    ) -> DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseGroup {
        var result = DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseGroup()
        result.groupID = groupID
        result.errorCode = error
        result.errorMessage = message
        return result
    }
}

/// An answer about a share group as a whole, whose error has a message.
private protocol ShareOffsetsResponse {
    var errorCode: ErrorCode { get set }
    var errorMessage: String? { get set }
    init()
}

extension ShareOffsetsResponse {
    init(_ refusal: AdminRefusal) {
        self.init()
        errorCode = refusal.code
        errorMessage = refusal.message.isEmpty ? nil : refusal.message
    }
}

extension AlterShareGroupOffsetsResponse: ShareOffsetsResponse {}
extension DeleteShareGroupOffsetsResponse: ShareOffsetsResponse {}

extension AlterShareGroupOffsetsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> AlterShareGroupOffsetsResponse { Response(AdminRefusal(error, "")) }
}

extension DeleteShareGroupOffsetsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DeleteShareGroupOffsetsResponse { Response(AdminRefusal(error, "")) }
}

extension Cluster {
    func describeShareGroupOffsets(
        _ request: DescribeShareGroupOffsetsRequest, _ context: RequestContext
    ) -> DescribeShareGroupOffsetsResponse {
        var response = DescribeShareGroupOffsetsResponse()
        response.groups = request.groups.uniqued { Array($0.groupID.utf8) }.map { wanted in
            do throws(AdminRefusal) {
                let entry = try shareGroup(wanted.groupID, context)
                var result = DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseGroup()
                result.groupID = wanted.groupID
                result.topics = (wanted.topics ?? allTopics(of: entry)).map { startOffsets(of: $0, entry) }
                return result
            } catch {
                return wanted.refused(error.code, error.message.isEmpty ? nil : error.message)
            }
        }
        return response
    }

    private func allTopics(
        of entry: GroupEntry
    ) -> [DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestTopic] {
        entry.offsets.sorted { $0.key < $1.key }.map { name, partitions in
            var topic = DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestTopic()
            topic.topicName = name
            topic.partitions = partitions.keys.sorted()
            return topic
        }
    }

    private func startOffsets(
        of wanted: DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestTopic, _ entry: GroupEntry
    ) -> DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseTopic {
        var result = DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseTopic()
        result.topicName = wanted.topicName
        let topic = topics.exactly(wanted.topicName)
        result.topicID = topic?.id ?? .zero
        result.partitions = wanted.partitions.map { index in
            var partition = DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponsePartition()
            partition.partitionIndex = index
            partition.startOffset = -1
            guard let present = topic?.partition(index) else {
                partition.errorCode = .unknownTopicOrPartition
                return partition
            }
            guard let start = entry.offsets.exactly(wanted.topicName)?[index] else { return partition }
            partition.startOffset = start.offset
            partition.leaderEpoch = start.leaderEpoch
            partition.lag = max(present.log.highWatermark - start.offset, 0)
            return partition
        }
        return result
    }

    func alterShareGroupOffsets(
        _ request: AlterShareGroupOffsetsRequest, _ context: RequestContext
    ) -> AlterShareGroupOffsetsResponse {
        do throws(AdminRefusal) {
            if let error = groupFault(request.groupID, at: context.node) { throw AdminRefusal(error, "") }
            let isNew = groups.groups[request.groupID] == nil
            if !isNew { _ = try shareGroup(request.groupID, context) }
            var starts: [(topic: String, partition: Int32, offset: CommittedOffset)] = []
            var response = AlterShareGroupOffsetsResponse()
            response.responses = request.topics.map { topic in
                var result = AlterShareGroupOffsetsResponse.AlterShareGroupOffsetsResponseTopic()
                result.topicName = topic.topicName
                result.topicID = topics.exactly(topic.topicName)?.id ?? .zero
                result.partitions = topic.partitions.map { wanted in
                    var partition = AlterShareGroupOffsetsResponse.AlterShareGroupOffsetsResponsePartition()
                    partition.partitionIndex = wanted.partitionIndex
                    guard let present = self.partition(topic.topicName, wanted.partitionIndex) else {
                        partition.errorCode = .unknownTopicOrPartition
                        return partition
                    }
                    let start = CommittedOffset(
                        offset: wanted.startOffset, leaderEpoch: present.leaderEpoch, metadata: "",
                        commitTimestamp: clock.wallTime())
                    starts.append((topic.topicName, wanted.partitionIndex, start))
                    return partition
                }
                return result
            }
            guard !starts.isEmpty else { return response }
            let entry = isNew ? try createMemberlessGroup(request.groupID, .share) : group(request.groupID)
            try store(starts, of: entry)
            return response
        } catch {
            return AlterShareGroupOffsetsResponse(error)
        }
    }

    func deleteShareGroupOffsets(
        _ request: DeleteShareGroupOffsetsRequest, _ context: RequestContext
    ) -> DeleteShareGroupOffsetsResponse {
        do throws(AdminRefusal) {
            let entry = try shareGroup(request.groupID, context)
            var doomed: [(topic: String, partition: Int32)] = []
            var response = DeleteShareGroupOffsetsResponse()
            response.responses = request.topics.map { topic in
                var result = DeleteShareGroupOffsetsResponse.DeleteShareGroupOffsetsResponseTopic()
                result.topicName = topic.topicName
                if let present = topics.exactly(topic.topicName) {
                    result.topicID = present.id
                    doomed += (entry.offsets.exactly(topic.topicName) ?? [:]).keys.map { (present.name, $0) }
                } else {
                    result.errorCode = .unknownTopicOrPartition
                }
                return result
            }
            try removeOffsets(doomed, of: entry)
            return response
        } catch {
            return DeleteShareGroupOffsetsResponse(error)
        }
    }

    func shareGroupDescribe(
        _ request: ShareGroupDescribeRequest, _ context: RequestContext
    ) -> ShareGroupDescribeResponse {
        request.answered { group throws(AdminRefusal) in
            group.groupState = try self.shareGroup(group.groupID, context).state.stateName
            group.assignorName = "simple"
        }
    }

    private func shareGroup(_ id: String, _ context: RequestContext) throws(AdminRefusal) -> GroupEntry {
        try memberlessGroup(id, .share, context)
    }

    /// The group of any type, as far as this node may act for it.
    func existingGroup(_ id: String, _ context: RequestContext) throws(AdminRefusal) -> GroupEntry {
        if let error = groupFault(id, at: context.node) { throw AdminRefusal(error, "") }
        guard let entry = groups.groups[id] else { throw AdminRefusal(.groupIDNotFound, "Group \(id) not found.") }
        return entry
    }

    /// The group of a type, as far as this node may act for it.
    func memberlessGroup(
        _ id: String, _ type: GroupType, _ context: RequestContext
    ) throws(AdminRefusal) -> GroupEntry {
        let entry = try existingGroup(id, context)
        guard case .memberless(_, type) = entry.state else {
            throw AdminRefusal(.groupIDNotFound, "Group \(id) is not a \(type.rawValue) group.")
        }
        return entry
    }

    /// Creates a group that has no members here; it is in the log when this returns.
    func createMemberlessGroup(_ id: String, _ type: GroupType) throws(AdminRefusal) -> GroupEntry {
        // Kafka's value of such a key begins with the group's epoch; there are no tagged fields.
        var value = ByteBuffer(integer: Int16(0))
        value.writeInteger(Int32(0))
        value.writeInteger(UInt8(0))
        try writeOffsets([(.memberless(id, type), value)], of: id)
        return addGroup(.memberless(id: id, type))
    }
}
