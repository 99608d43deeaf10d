import KafkaWire

// AlterReplicaLogDirs: 1-2.
//
// - A node has one directory, as DescribeLogDirs tells it: a replica that is to be there is there. Any other directory is
//   LOG_DIR_NOT_FOUND.
// - A partition without a replica on this node is NOT_LEADER_OR_FOLLOWER, or UNKNOWN_TOPIC_OR_PARTITION where there is none.

extension AlterReplicaLogDirsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> AlterReplicaLogDirsResponse { answered { _, _, _ in error } }

    fileprivate func answered(
        _ code: (_ path: String, _ topic: String, _ partition: Int32) -> ErrorCode
    ) -> AlterReplicaLogDirsResponse {
        var response = AlterReplicaLogDirsResponse()
        response.results = dirs.flatMap { directory in
            directory.topics.map { topic in
                var result = AlterReplicaLogDirsResponse.AlterReplicaLogDirTopicResult()
                result.topicName = topic.name
                result.partitions = topic.partitions.map { index in
                    var partition = AlterReplicaLogDirsResponse.AlterReplicaLogDirPartitionResult()
                    partition.partitionIndex = index
                    partition.errorCode = code(directory.path, topic.name, index)
                    return partition
                }
                return result
            }
        }
        return response
    }
}

extension Cluster {
    func alterReplicaLogDirs(
        _ request: AlterReplicaLogDirsRequest, _ context: RequestContext
    ) -> AlterReplicaLogDirsResponse {
        request.answered { path, topic, index in
            guard ExactName(path) == ExactName(logDirectory) else { return .logDirNotFound }
            guard let partition = partition(topic, index) else { return .unknownTopicOrPartition }
            return partition.replicas.contains(context.node.id) ? .none : .notLeaderOrFollower
        }
    }

    /// The one directory of every node, as clients are told it.
    var logDirectory: String { dataDirectory ?? "memory" }
}
