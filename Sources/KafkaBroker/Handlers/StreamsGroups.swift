import KafkaWire

// StreamsGroupDescribe: 0.
//
// - There are groups of Kafka Streams (KIP-1071) only where a test makes one (`EmbeddedCluster.createStreamsGroup`):
//   without members and without a topology. Their offsets are those of any group.
// - Left out: StreamsGroupHeartbeat.

extension Cluster {
    func streamsGroupDescribe(
        _ request: StreamsGroupDescribeRequest, _ context: RequestContext
    ) -> StreamsGroupDescribeResponse {
        request.answered { group throws(AdminRefusal) in
            group.groupState = try self.memberlessGroup(group.groupID, .streams, context).state.stateName
        }
    }
}
