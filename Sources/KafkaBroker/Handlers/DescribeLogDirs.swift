import KafkaWire

// DescribeLogDirs: 0-5.
//
// - One directory per node: the data directory, or "memory". A node shows the partitions it has a replica of; nodes
//   share storage, so that each shows the same bytes.
// - Sizes of the volume are not known: -1.

extension DescribeLogDirsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeLogDirsResponse {
        var response = DescribeLogDirsResponse()
        response.errorCode = error
        return response
    }
}

extension Cluster {
    func describeLogDirs(_ request: DescribeLogDirsRequest, _ context: RequestContext) -> DescribeLogDirsResponse {
        let wanted = request.topics.map { topics in
            Dictionary(topics.map { ($0.topic, Set($0.partitions)) }) { $0.union($1) }
        }
        var directory = DescribeLogDirsResponse.DescribeLogDirsResult()
        directory.logDir = logDirectory
        directory.topics = topics.values.sorted { $0.name < $1.name }.compactMap { topic in
            if let wanted, wanted[topic.name] == nil { return nil }
            var entry = DescribeLogDirsResponse.DescribeLogDirsTopic()
            entry.name = topic.name
            entry.partitions = topic.partitions
                .filter { $0.replicas.contains(context.node.id) && wanted?[topic.name]?.contains($0.index) ?? true }
                .map { partition in
                    var size = DescribeLogDirsResponse.DescribeLogDirsPartition()
                    size.partitionIndex = partition.index
                    size.partitionSize = Int64(partition.log.size)
                    return size
                }
            return entry.partitions.isEmpty ? nil : entry
        }
        var response = DescribeLogDirsResponse()
        response.results = [directory]
        return response
    }
}
