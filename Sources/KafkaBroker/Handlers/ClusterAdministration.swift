import KafkaWire

// DescribeQuorum: 0-2. UpdateFeatures: 0-2. UnregisterBroker: 0.
//
// - The metadata is one state that all nodes share. It is told as a quorum whose only voter is the controller, with the
//   other live nodes as observers that have everything; offsets count the changes since the start. Of the quorum's
//   listeners there are none.
// - The levels of features are those of the release. To ask for the present one is no change; any other is
//   INVALID_UPDATE_VERSION, with Kafka's reason where Kafka would refuse it, too.
// - A node stays one of the cluster's: UnregisterBroker is BROKER_ID_NOT_REGISTERED for an id that no node has, else
//   INVALID_REQUEST.

extension DescribeQuorumRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeQuorumResponse {
        var response = DescribeQuorumResponse()
        response.errorCode = error
        response.errorMessage = nil
        return response
    }
}

extension UpdateFeaturesRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> UpdateFeaturesResponse {
        var response = UpdateFeaturesResponse()
        response.errorCode = error
        response.errorMessage = nil
        return response
    }
}

extension UnregisterBrokerRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> UnregisterBrokerResponse {
        var response = UnregisterBrokerResponse()
        response.errorCode = error
        return response
    }
}

extension Cluster {
    func describeQuorum(_ request: DescribeQuorumRequest, _ context: RequestContext) -> DescribeQuorumResponse {
        var response = request.refused(.none)
        response.topics = request.topics.map { wanted in
            var topic = DescribeQuorumResponse.TopicData()
            topic.topicName = wanted.topicName
            topic.partitions = wanted.partitions.map { self.quorum(of: wanted.topicName, $0.partitionIndex) }
            return topic
        }
        response.nodes = [controllerID].map { id in
            var node = DescribeQuorumResponse.Node()
            node.nodeID = id
            return node
        }
        return response
    }

    private func quorum(of topic: String, _ index: Int32) -> DescribeQuorumResponse.PartitionData {
        var partition = DescribeQuorumResponse.PartitionData()
        partition.partitionIndex = index
        partition.errorMessage = nil
        guard topic == "__cluster_metadata", index == 0 else {
            partition.errorCode = .unknownTopicOrPartition
            return partition
        }
        partition.leaderID = controllerID
        partition.leaderEpoch = 1
        partition.highWatermark = changes
        let now = clock.wallTime()
        for node in liveNodes {
            var replica = DescribeQuorumResponse.ReplicaState()
            replica.replicaID = node.id
            replica.logEndOffset = changes
            replica.lastCaughtUpTimestamp = now
            if node.id == controllerID {
                partition.currentVoters = [replica]
            } else {
                replica.lastFetchTimestamp = now
                partition.observers.append(replica)
            }
        }
        return partition
    }

    func updateFeatures(_ request: UpdateFeaturesRequest, _ context: RequestContext) -> UpdateFeaturesResponse {
        var response = request.refused(.none)
        for update in request.featureUpdates {
            var result = UpdateFeaturesResponse.UpdatableFeatureResult()
            result.feature = update.feature
            result.errorMessage = nil
            if let reason = refusal(of: update, version: context.version) {
                result.errorCode = .invalidUpdateVersion
                result.errorMessage =
                    "Invalid update version \(update.maxVersionLevel) for feature \(update.feature). \(reason)"
                // From version 2 on all are changed or none, and the first reason is told.
                if context.version >= 2, response.errorCode == .none {
                    response.errorCode = result.errorCode
                    response.errorMessage = result.errorMessage
                }
            }
            response.results.append(result)
        }
        return response
    }

    private func refusal(of update: UpdateFeaturesRequest.FeatureUpdateKey, version: Int16) -> String? {
        let level = update.maxVersionLevel
        let mayLower = version == 0 ? update.allowDowngrade : update.upgradeType != 1
        if version >= 1, !(1...3).contains(update.upgradeType) {
            return "The controller does not support the given upgrade type."
        }
        if level < 0 { return "A feature version cannot be less than 0." }
        guard let feature = BrokerFeature(rawValue: update.feature), let supported = release.supported(feature) else {
            return "Local controller \(controllerID) does not support this feature."
        }
        let present = release.level(of: feature)
        if level == present { return nil }
        guard supported.contains(level) || level == 0 else {
            return "Local controller \(controllerID) only supports versions \(supported.lowerBound)-"
                + "\(supported.upperBound)"
        }
        if level < present, !mayLower {
            return "Can't downgrade the version of this feature without setting the upgrade type to either safe or "
                + "unsafe downgrade."
        }
        if level > present, mayLower { return "Can't downgrade to a newer version." }
        return "This broker passes for release \(release.rawValue), whose features do not change: start it as another "
            + "release."
    }

    func unregisterBroker(_ request: UnregisterBrokerRequest, _ context: RequestContext) -> UnregisterBrokerResponse {
        var response = UnregisterBrokerResponse()
        if node(request.brokerID) == nil {
            response.errorCode = .brokerIDNotRegistered
            response.errorMessage = "Broker ID \(request.brokerID) is not currently registered"
        } else {
            response.errorCode = .invalidRequest
            response.errorMessage = "The nodes of this cluster are those it was started with"
        }
        return response
    }
}
