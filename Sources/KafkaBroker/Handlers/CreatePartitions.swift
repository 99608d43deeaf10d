import KafkaWire

// CreatePartitions: 0-3.
//
// - `count` is the new total; with assignments there is one list of replicas for each new partition.

extension CreatePartitionsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> CreatePartitionsResponse {
        var response = CreatePartitionsResponse()
        response.results = topics.map { topic in
            var result = CreatePartitionsResponse.CreatePartitionsTopicResult()
            result.name = topic.name
            result.errorCode = error
            return result
        }
        return response
    }
}

extension Cluster {
    func createPartitions(
        _ request: CreatePartitionsRequest, _ context: RequestContext
    ) -> CreatePartitionsResponse {
        var response = CreatePartitionsResponse()
        var seen: Set<String> = []
        let duplicates = Set(request.topics.map(\.name).filter { !seen.insert($0).inserted })
        var quota = MutationQuota(context, isStrict: context.version >= 3)
        for topic in request.topics where seen.remove(topic.name) != nil {
            var result = CreatePartitionsResponse.CreatePartitionsTopicResult()
            result.name = topic.name
            do throws(AdminRefusal) {
                guard !duplicates.contains(topic.name) else {
                    throw AdminRefusal(.invalidRequest, "Duplicate topic name.")
                }
                try grow(topic, isRehearsal: request.validateOnly, &quota)
            } catch {
                result.errorCode = error.code
                result.errorMessage = error.message
            }
            response.results.append(result)
        }
        return quota.applied(to: response)
    }

    private func grow(
        _ wanted: CreatePartitionsRequest.CreatePartitionsTopic, isRehearsal: Bool, _ quota: inout MutationQuota
    ) throws(AdminRefusal) {
        guard let topic = topics.exactly(wanted.name) else {
            throw AdminRefusal(.unknownTopicOrPartition, "This server does not host this topic-partition.")
        }
        let present = topic.partitions.count
        guard Int(wanted.count) != present else {
            throw AdminRefusal(.invalidPartitions, "Topic already has \(present) partition(s).")
        }
        guard Int(wanted.count) > present else {
            throw AdminRefusal(
                .invalidPartitions,
                "The topic \(topic.name) currently has \(present) partition(s); \(wanted.count) would not be an increase."
            )
        }
        try checkPartitionCount(Int(wanted.count))
        let additional = Int(wanted.count) - present
        let factor = topic.partitions.first?.replicas.count ?? 1
        let assignments: [[Int32]]
        if let manual = wanted.assignments {
            guard manual.count == additional else {
                throw AdminRefusal(
                    .invalidReplicaAssignment,
                    "Attempted to add \(additional) additional partition(s), but only \(manual.count) assignment(s) "
                        + "were specified.")
            }
            for assignment in manual { try checkReplicas(assignment.brokerIDs, factor: factor) }
            assignments = manual.map(\.brokerIDs)
        } else {
            try checkReplicationFactor(factor)
            assignments = place(partitions: additional, replicationFactor: factor, after: present)
        }
        guard !isRehearsal else { return }
        try quota.record(additional)
        try addPartitions(assignments, to: topic)
    }
}
