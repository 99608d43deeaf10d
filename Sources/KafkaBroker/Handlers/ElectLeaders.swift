import KafkaWire

// ElectLeaders: 0-2.
//
// - Preferred (0): the first replica leads again if it is live and in sync. Unclean (1): where nobody leads, the first
//   live replica does; it has lost what was written since it left the ISR.
// - All partitions for null, and then only those that changed are answered.

extension ElectLeadersRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> ElectLeadersResponse {
        var response = ElectLeadersResponse()
        response.errorCode = error
        return response
    }
}

extension Cluster {
    func electLeaders(_ request: ElectLeadersRequest, _ context: RequestContext) -> ElectLeadersResponse {
        guard (0...1).contains(request.electionType) else { return request.refused(.invalidRequest) }
        var response = ElectLeadersResponse()
        let isForAll = request.topicPartitions == nil
        let wanted: [(String, [Int32])] =
            request.topicPartitions?.map { ($0.topic, $0.partitions) }
            ?? topics.values.sorted { $0.name < $1.name }.map { ($0.name, $0.partitions.map(\.index)) }
        for (topic, partitions) in wanted {
            var result = ElectLeadersResponse.ReplicaElectionResult()
            result.topic = topic
            for index in partitions {
                var entry = ElectLeadersResponse.PartitionResult()
                entry.partitionID = index
                entry.errorMessage = nil
                do throws(AdminRefusal) {
                    try electLeader(topic, index, isPreferred: request.electionType == 0)
                } catch {
                    entry.errorCode = error.code
                    entry.errorMessage = error.message
                }
                if !isForAll || entry.errorCode != .electionNotNeeded { result.partitionResult.append(entry) }
            }
            if !result.partitionResult.isEmpty { response.replicaElectionResults.append(result) }
        }
        return response
    }

    private func electLeader(_ topic: String, _ index: Int32, isPreferred: Bool) throws(AdminRefusal) {
        guard let partition = partition(topic, index) else {
            throw AdminRefusal(.unknownTopicOrPartition, "No such partition as \(topic)-\(index)")
        }
        let preferred = partition.replicas.first ?? -1
        guard isPreferred ? partition.leader != preferred : partition.leader < 0 else {
            throw AdminRefusal(.electionNotNeeded, "Leader election not needed for topic partition.")
        }
        guard !isPreferred || (partition.isr.contains(preferred) && node(preferred)?.isLive ?? false) else {
            throw AdminRefusal(
                .preferredLeaderNotAvailable,
                "Failed to elect leader for partition \(topic)-\(index): the preferred leader \(preferred) is not in sync"
            )
        }
        do throws(BrokerError) {
            if isPreferred { return try moveLeader(of: partition, to: preferred) }
            guard let owner = topicsByID[partition.topicID], try electUncleanly(partition, of: owner) else {
                throw BrokerError.notPossible("no replica of \(topic)-\(index) is live")
            }
        } catch .notPossible(let reason) {
            throw AdminRefusal(.eligibleLeadersNotAvailable, reason)
        } catch {
            throw AdminRefusal(.kafkaStorageError, "\(error)")
        }
    }
}
