import KafkaWire
import Logging

// AlterPartitionReassignments: 0-1. ListPartitionReassignments: 0.
//
// - Replicas share their storage, so that a move is complete when it is answered. None is ever in progress: the list is
//   empty, and there is nothing to cancel (NO_REASSIGNMENT_IN_PROGRESS).
// - A partition that nobody leads cannot be copied from: ELIGIBLE_LEADERS_NOT_AVAILABLE.
// - Without `allowReplicationFactorChange` (KIP-860) the number of replicas stays: INVALID_REPLICATION_FACTOR.

extension AlterPartitionReassignmentsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> AlterPartitionReassignmentsResponse {
        var response = AlterPartitionReassignmentsResponse()
        response.errorCode = error
        response.errorMessage = nil
        response.allowReplicationFactorChange = allowReplicationFactorChange
        return response
    }
}

extension ListPartitionReassignmentsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> ListPartitionReassignmentsResponse {
        var response = ListPartitionReassignmentsResponse()
        response.errorCode = error
        response.errorMessage = nil
        return response
    }
}

extension Cluster {
    func alterPartitionReassignments(
        _ request: AlterPartitionReassignmentsRequest, _ context: RequestContext
    ) -> AlterPartitionReassignmentsResponse {
        var response = request.refused(.none)
        response.responses = request.topics.map { topic in
            var result = AlterPartitionReassignmentsResponse.ReassignableTopicResponse()
            result.name = topic.name
            result.partitions = topic.partitions.map { wanted in
                var entry = AlterPartitionReassignmentsResponse.ReassignablePartitionResponse()
                entry.partitionIndex = wanted.partitionIndex
                entry.errorMessage = nil
                do throws(AdminRefusal) {
                    try reassign(topic.name, wanted, mayResize: request.allowReplicationFactorChange)
                } catch {
                    entry.errorCode = error.code
                    entry.errorMessage = error.message
                }
                return entry
            }
            return result
        }
        return response
    }

    func listPartitionReassignments(
        _ request: ListPartitionReassignmentsRequest, _ context: RequestContext
    ) -> ListPartitionReassignmentsResponse {
        request.refused(.none)
    }

    private func reassign(
        _ name: String, _ wanted: AlterPartitionReassignmentsRequest.ReassignablePartition, mayResize: Bool
    ) throws(AdminRefusal) {
        guard let topic = topics.exactly(name), let partition = topic.partition(wanted.partitionIndex) else {
            throw AdminRefusal(.unknownTopicOrPartition, "This server does not host this topic-partition.")
        }
        guard let replicas = wanted.replicas else {
            throw AdminRefusal(.noReassignmentInProgress, "No partition reassignment is in progress.")
        }
        try checkReplicaList(replicas) { node($0)?.isLive ?? false }
        guard mayResize || replicas.count == partition.replicas.count else {
            throw AdminRefusal(
                .invalidReplicationFactor,
                "The replication factor is changed from \(partition.replicas.count) to \(replicas.count)")
        }
        guard partition.leader >= 0 else {
            throw AdminRefusal(.eligibleLeadersNotAvailable, "\(name)-\(partition.index) has no leader to copy from")
        }
        var assignment = partition.assignment
        assignment.replicas = replicas
        // Caught up before the move completes: whoever of them is live.
        assignment.isr = replicas
        // As in KRaft a replica that goes raises the epoch, which keeps it from acting on.
        let isFencing = !Set(partition.replicas).isSubset(of: replicas)
        elect(&assignment, isNewEpoch: isFencing)
        do throws(BrokerError) {
            try commit([.partition(PartitionRecord(assignment, of: topic.id))])
        } catch {
            throw AdminRefusal(.kafkaStorageError, "\(error)")
        }
        apply(assignment, to: partition, of: topic)
        logger.info(
            "partition reassigned", metadata: ["partition": "\(partition.log.name)", "replicas": "\(replicas)"])
    }
}
