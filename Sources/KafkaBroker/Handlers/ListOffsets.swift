import KafkaWire

// ListOffsets: 0-11.
//
// - Earliest (-2), latest (-1; with read_committed the last stable offset), by time, from version 7 the newest record
//   (-3), from version 8 the local log's start (-4, here the log's start), from version 9 the last tiered offset
//   (-5: none), from version 11 the first offset waiting for tiering (-6: none).
//   Before those versions they are UNSUPPORTED_VERSION.
// - Version 0 answers with a list of offsets: the one found, or none.
// - Leader epochs are checked from version 4 on.
// - A partition that a request names twice is INVALID_REQUEST, as in Kafka (version 1 on): a look-up by time reads a whole
//   batch. Requests about many partitions are answered in turns.

extension ListOffsetsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> ListOffsetsResponse {
        var response = ListOffsetsResponse()
        response.topics = topics.map { topic in
            var result = ListOffsetsResponse.ListOffsetsTopicResponse()
            result.name = topic.name
            result.partitions = topic.partitions.map { .refused($0, error) }
            return result
        }
        return response
    }
}

extension Cluster {
    func listOffsets(_ request: ListOffsetsRequest, _ call: Call<ListOffsetsResponse>) {
        let parts = request.topics.indices.flatMap { topic in
            request.topics[topic].partitions.indices.map { (topic: topic, partition: $0) }
        }
        let search = OffsetSearch(request)
        let find = { [self] (index: Int) in
            let part = parts[index]
            let topic = request.topics[part.topic]
            let wanted = topic.partitions[part.partition]
            search.response.topics[part.topic].partitions[part.partition] =
                search.isRepeated(topic.name, wanted) && call.version >= 1
                ? .refused(wanted, .invalidRequest) : result(topic.name, wanted, request, call.context)
        }
        inTurns(to: parts.count, find) { call.reply(search.response) }
    }

    private func result(
        _ topic: String, _ wanted: ListOffsetsRequest.ListOffsetsPartition, _ request: ListOffsetsRequest,
        _ context: RequestContext
    ) -> ListOffsetsResponse.ListOffsetsPartitionResponse {
        guard let partition = partition(topic, wanted.partitionIndex) else {
            return .refused(wanted, .unknownTopicOrPartition)
        }
        if let error = partition.refusal(at: context.node, epoch: wanted.currentLeaderEpoch) {
            return .refused(wanted, error)
        }
        do throws(LogReadError) {
            let isCommittedOnly = request.isolationLevel == 1
            var result = ListOffsetsResponse.ListOffsetsPartitionResponse()
            result.partitionIndex = wanted.partitionIndex
            guard let found = try partition.find(wanted.timestamp, isCommittedOnly, context.version) else {
                return result
            }
            result.offset = found.offset
            result.timestamp = found.timestamp
            result.leaderEpoch = found.leaderEpoch
            result.oldStyleOffsets = wanted.maxNumOffsets > 0 ? [found.offset] : []
            return result
        } catch {
            return .refused(wanted, error.code)
        }
    }
}

/// The answer to one request while it is put together.
private final class OffsetSearch {
    private struct Key: Hashable {
        let topic: String
        let partition: Int32
    }

    var response: ListOffsetsResponse
    private var seen: Set<Key> = []

    init(_ request: ListOffsetsRequest) {
        response = request.refused(.none)
    }

    func isRepeated(_ topic: String, _ wanted: ListOffsetsRequest.ListOffsetsPartition) -> Bool {
        !seen.insert(Key(topic: topic, partition: wanted.partitionIndex)).inserted
    }
}

extension ListOffsetsResponse.ListOffsetsPartitionResponse {
    fileprivate static func refused(
        _ wanted: ListOffsetsRequest.ListOffsetsPartition, _ error: ErrorCode
    ) -> ListOffsetsResponse.ListOffsetsPartitionResponse {
        var result = ListOffsetsResponse.ListOffsetsPartitionResponse()
        result.partitionIndex = wanted.partitionIndex
        result.errorCode = error
        return result
    }
}

extension Partition {
    /// Nil when no record fits.
    fileprivate func find(
        _ timestamp: Int64, _ isCommittedOnly: Bool, _ version: Int16
    ) throws(LogReadError) -> OffsetAndTimestamp? {
        let limit = isCommittedOnly ? log.lastStableOffset : log.highWatermark
        switch timestamp {
        case -6 ... -3 where version < Self.firstVersion(asking: timestamp):
            throw LogReadError(.unsupportedVersion, "timestamp \(timestamp) in version \(version)")
        case -1: return OffsetAndTimestamp(offset: limit, timestamp: -1, leaderEpoch: leaderEpoch)
        case -2, -4:
            let epoch = log.leaderEpoch(of: log.logStartOffset)
            return OffsetAndTimestamp(offset: log.logStartOffset, timestamp: -1, leaderEpoch: epoch)
        case -3: return try log.maxTimestampOffset()
        case ..<0: return nil
        default:
            guard let found = try log.offset(forTimestamp: timestamp), found.offset < limit else { return nil }
            return found
        }
    }

    /// The first version in which the special timestamps below -2 are asked for.
    private static func firstVersion(asking timestamp: Int64) -> Int16 {
        switch timestamp {
        case -3: 7
        case -4: 8
        case -5: 9
        default: 11
        }
    }
}
