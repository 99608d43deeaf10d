import KafkaWire

extension Cluster {
    /// Every API of this broker. Other APIs are not advertised, and a request of one closes the connection.
    ///
    /// - Parameter newestVersions: see ``BrokerSettings/newestVersions``.
    func routes(newestVersions: [ApiKey: Int16]) -> RequestRouter {
        let offersUnstable = configs.flag("unstable.api.versions.enable")
        var routes = [
            Route(ProduceRequest.self) { self.produce($0, $1) },
            Route(FetchRequest.self) { self.fetch($0, $1) },
            Route(ListOffsetsRequest.self) { self.listOffsets($0, $1) },
            Route(OffsetForLeaderEpochRequest.self) { self.offsetForLeaderEpoch($0, $1) },
            Route(DeleteRecordsRequest.self) { self.deleteRecords($0, $1) },
            Route(MetadataRequest.self) { self.metadata($0, $1) },
            Route(DescribeClusterRequest.self) { self.describeCluster($0, $1) },
            Route(DescribeTopicPartitionsRequest.self) { self.describeTopicPartitions($0, $1) },
            Route(DescribeLogDirsRequest.self) { self.describeLogDirs($0, $1) },
            Route(AlterReplicaLogDirsRequest.self) { self.alterReplicaLogDirs($0, $1) },
            Route(DescribeQuorumRequest.self) { self.describeQuorum($0, $1) },
            Route(UpdateFeaturesRequest.self) { self.updateFeatures($0, $1) },
            Route(UnregisterBrokerRequest.self) { self.unregisterBroker($0, $1) },
            Route(ListConfigResourcesRequest.self) { self.listConfigResources($0, $1) },
            Route(CreateTopicsRequest.self) { self.createTopics($0, $1) },
            Route(DeleteTopicsRequest.self) { self.deleteTopics($0, $1) },
            Route(CreatePartitionsRequest.self) { self.createPartitions($0, $1) },
            Route(DescribeConfigsRequest.self) { self.describeConfigs($0, $1) },
            Route(AlterConfigsRequest.self) { self.alterConfigs($0, $1) },
            Route(IncrementalAlterConfigsRequest.self) { self.incrementalAlterConfigs($0, $1) },
            Route(ElectLeadersRequest.self) { self.electLeaders($0, $1) },
            Route(AlterPartitionReassignmentsRequest.self) { self.alterPartitionReassignments($0, $1) },
            Route(ListPartitionReassignmentsRequest.self) { self.listPartitionReassignments($0, $1) },
            Route(FindCoordinatorRequest.self) { self.findCoordinator($0, $1) },
            Route(JoinGroupRequest.self) { self.joinGroup($0, $1) },
            Route(SyncGroupRequest.self) { self.syncGroup($0, $1) },
            Route(HeartbeatRequest.self) { self.heartbeat($0, $1) },
            Route(LeaveGroupRequest.self) { self.leaveGroup($0, $1) },
            Route(OffsetCommitRequest.self) { self.offsetCommit($0, $1) },
            Route(OffsetFetchRequest.self) { self.offsetFetch($0, $1) },
            Route(OffsetDeleteRequest.self) { self.offsetDelete($0, $1) },
            Route(ListGroupsRequest.self) { self.listGroups($0, $1) },
            Route(DescribeGroupsRequest.self) { self.describeGroups($0, $1) },
            Route(DeleteGroupsRequest.self) { self.deleteGroups($0, $1) },
            Route(ConsumerGroupHeartbeatRequest.self) { self.consumerGroupHeartbeat($0, $1) },
            Route(ConsumerGroupDescribeRequest.self) { self.consumerGroupDescribe($0, $1) },
            Route(ShareGroupDescribeRequest.self) { self.shareGroupDescribe($0, $1) },
            Route(DescribeShareGroupOffsetsRequest.self) { self.describeShareGroupOffsets($0, $1) },
            Route(AlterShareGroupOffsetsRequest.self) { self.alterShareGroupOffsets($0, $1) },
            Route(DeleteShareGroupOffsetsRequest.self) { self.deleteShareGroupOffsets($0, $1) },
            Route(StreamsGroupDescribeRequest.self) { self.streamsGroupDescribe($0, $1) },
            Route(InitProducerIdRequest.self) { self.initProducerID($0, $1) },
            Route(DescribeProducersRequest.self) { self.describeProducers($0, $1) },
            Route(WriteTxnMarkersRequest.self) { self.writeTransactionMarkers($0, $1) },
            Route(AddPartitionsToTxnRequest.self) { self.addPartitionsToTransaction($0, $1) },
            Route(AddOffsetsToTxnRequest.self) { self.addOffsetsToTransaction($0, $1) },
            Route(TxnOffsetCommitRequest.self) { self.transactionalOffsetCommit($0, $1) },
            Route(EndTxnRequest.self) { self.endTransaction($0, $1) },
            Route(DescribeTransactionsRequest.self) { self.describeTransactions($0, $1) },
            Route(ListTransactionsRequest.self) { self.listTransactions($0, $1) },
            Route(SaslHandshakeRequest.self) { self.saslHandshake($0, $1) },
            Route(SaslAuthenticateRequest.self) { self.saslAuthenticate($0, $1) },
            Route(CreateDelegationTokenRequest.self) { self.createDelegationToken($0, $1) },
            Route(RenewDelegationTokenRequest.self) { self.renewDelegationToken($0, $1) },
            Route(ExpireDelegationTokenRequest.self) { self.expireDelegationToken($0, $1) },
            Route(DescribeDelegationTokenRequest.self) { self.describeDelegationToken($0, $1) },
            Route(DescribeAclsRequest.self) { self.describeACLs($0, $1) },
            Route(CreateAclsRequest.self) { self.createACLs($0, $1) },
            Route(DeleteAclsRequest.self) { self.deleteACLs($0, $1) },
            Route(DescribeClientQuotasRequest.self) { self.describeClientQuotas($0, $1) },
            Route(AlterClientQuotasRequest.self) { self.alterClientQuotas($0, $1) },
            Route(DescribeUserScramCredentialsRequest.self) { self.describeSCRAMCredentials($0, $1) },
            Route(AlterUserScramCredentialsRequest.self) { self.alterSCRAMCredentials($0, $1) },
        ].compactMap { $0.offered(by: release, upTo: newestVersions[$0.api], unstable: offersUnstable) }
        // What ApiVersions tells is the table that it is part of.
        let own = Route(ApiVersionsRequest.self) { (_: ApiVersionsRequest, _: RequestContext) in ApiVersionsResponse() }
        let topicNames = { (request: any KafkaRequest, node: Node) in self.topicNames(of: request, at: node) }
        let advertised = RequestRouter(
            routes + [own].compactMap { $0.offered(by: release, unstable: offersUnstable) }, topicNames: topicNames
        )
        .advertised
        let telling = Route(ApiVersionsRequest.self) { self.apiVersions($0, $1, advertised) }
        if let telling = telling.offered(by: release, unstable: offersUnstable) { routes.append(telling) }
        return RequestRouter(routes, topicNames: topicNames)
    }
}
