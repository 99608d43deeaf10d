import KafkaWire

// StreamsGroupDescribe: 0.
//
// - There are groups of Kafka Streams (KIP-1071) only where a test makes one (`EmbeddedCluster.createStreamsGroup`):
//   without members and without a topology. Their offsets are those of any group.
// - Left out: StreamsGroupHeartbeat.

extension StreamsGroupDescribeRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> StreamsGroupDescribeResponse {
        var response = StreamsGroupDescribeResponse()
        response.groups = groupIDs.map { id in
            var group = StreamsGroupDescribeResponse.DescribedGroup()
            group.groupID = id
            group.errorCode = error
            return group
        }
        return response
    }
}

extension Cluster {
    func streamsGroupDescribe(
        _ request: StreamsGroupDescribeRequest, _ context: RequestContext
    ) -> StreamsGroupDescribeResponse {
        var response = StreamsGroupDescribeResponse()
        response.groups = request.groupIDs.uniqued { Array($0.utf8) }.map { id in
            var group = StreamsGroupDescribeResponse.DescribedGroup()
            group.groupID = id
            do throws(AdminRefusal) {
                group.groupState = try memberlessGroup(id, .streams, context).state.stateName
            } catch {
                group.errorCode = error.code
                group.errorMessage = error.message.isEmpty ? nil : error.message
            }
            return group
        }
        return response
    }
}
