import KafkaWire

// ListOffsets: 0-11.
//
// - Earliest (-2), latest (-1; with read_committed the last stable offset), by time, from version 7 the newest record
//   (-3), from version 8 the local log's start (-4, here the log's start), from version 9 the last tiered offset
//   (-5: none), from version 11 the first offset waiting for tiering (-6: none).
//   Before those versions they are UNSUPPORTED_VERSION.
// - Version 0 answers with a list of offsets: the one found, or none.
// - Leader epochs are checked from version 4 on.

extension ListOffsetsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> ListOffsetsResponse {
        answered { _, partition in
            var result = ListOffsetsResponse.ListOffsetsPartitionResponse()
            result.partitionIndex = partition.partitionIndex
            result.errorCode = error
            return result
        }
    }

    fileprivate func answered(
        _ answer: (String, ListOffsetsPartition) -> ListOffsetsResponse.ListOffsetsPartitionResponse
    ) -> ListOffsetsResponse {
        var response = ListOffsetsResponse()
        response.topics = topics.map { topic in
            var result = ListOffsetsResponse.ListOffsetsTopicResponse()
            result.name = topic.name
            result.partitions = topic.partitions.map { answer(topic.name, $0) }
            return result
        }
        return response
    }
}

extension Cluster {
    func listOffsets(_ request: ListOffsetsRequest, _ context: RequestContext) -> ListOffsetsResponse {
        request.answered { topic, wanted in
            var result = ListOffsetsResponse.ListOffsetsPartitionResponse()
            result.partitionIndex = wanted.partitionIndex
            guard let partition = partition(topic, wanted.partitionIndex) else {
                result.errorCode = .unknownTopicOrPartition
                return result
            }
            if let error = partition.refusal(at: context.node, epoch: wanted.currentLeaderEpoch) {
                result.errorCode = error
                return result
            }
            do throws(LogReadError) {
                let isCommittedOnly = request.isolationLevel == 1
                guard let found = try partition.find(wanted.timestamp, isCommittedOnly, context.version) else {
                    return result
                }
                result.offset = found.offset
                result.timestamp = found.timestamp
                result.leaderEpoch = found.leaderEpoch
                result.oldStyleOffsets = wanted.maxNumOffsets > 0 ? [found.offset] : []
            } catch {
                result.errorCode = error.code
            }
            return result
        }
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

    /// Since when the special timestamps below -2 are asked for.
    private static func firstVersion(asking timestamp: Int64) -> Int16 {
        switch timestamp {
        case -3: 7
        case -4: 8
        case -5: 9
        default: 11
        }
    }
}
