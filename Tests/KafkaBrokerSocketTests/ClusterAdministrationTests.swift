import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Requests of administrators to the cluster as a whole: its quorum, features, nodes, directories, tokens, and what has settings.
@Suite(.timeLimit(.minutes(2))) struct ClusterAdministrationTests {
    private func withConnection(nodes: Int = 1, _ body: (RawConnection) async throws -> Void) async throws {
        try await withCluster(nodes: nodes) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { try await body($0) }
        }
    }

    @Test func `the quorum is the controller, which all nodes follow`() async throws {
        try await withConnection(nodes: 3) { connection async throws in
            var partition = DescribeQuorumRequest.PartitionData()
            var topic = DescribeQuorumRequest.TopicData()
            topic.topicName = "__cluster_metadata"
            topic.partitions = [partition]
            partition.partitionIndex = 1
            topic.partitions.append(partition)
            var request = DescribeQuorumRequest()
            request.topics = [topic]
            let controller = try await connection.send(DescribeClusterRequest()).controllerID
            _ = try await connection.createTopic("orders")

            let answer = try await connection.send(request)

            #expect(answer.errorCode == .none)
            let found = try #require(answer.topics.first?.partitions)
            #expect(found.map(\.errorCode) == [.none, .unknownTopicOrPartition])
            #expect(found[0].leaderID == controller)
            #expect(found[0].currentVoters.map(\.replicaID) == [controller])
            #expect(Set(found[0].observers.map(\.replicaID)).union([controller]).count == 3)
            #expect(found[0].highWatermark > 0)
            #expect(
                (found[0].currentVoters + found[0].observers).allSatisfy { $0.logEndOffset == found[0].highWatermark })
            #expect(answer.nodes.map(\.nodeID) == [controller])
        }
    }

    struct Update: Sendable {
        var feature: String
        var level: Int16
        var type: Int8 = 1
        var error: ErrorCode
        var reason = ""
    }

    @Test(arguments: [
        Update(feature: "group.version", level: 1, error: .none),
        Update(
            feature: "group.version", level: 0, error: .invalidUpdateVersion,
            reason: "Can't downgrade the version of this feature without setting the upgrade type"),
        Update(
            feature: "group.version", level: 0, type: 2, error: .invalidUpdateVersion,
            reason: "start it as another release"),
        Update(feature: "group.version", level: 9, error: .invalidUpdateVersion, reason: "only supports versions 0-1"),
        Update(feature: "share.version", level: 1, error: .invalidUpdateVersion, reason: "start it as another release"),
        Update(
            feature: "share.version", level: 1, type: 3, error: .invalidUpdateVersion,
            reason: "Can't downgrade to a newer version."),
        Update(feature: "group.version", level: -1, error: .invalidUpdateVersion, reason: "cannot be less than 0"),
        Update(feature: "group.version", level: 1, type: 7, error: .invalidUpdateVersion, reason: "upgrade type"),
        Update(feature: "none.such", level: 1, error: .invalidUpdateVersion, reason: "does not support this feature"),
    ])
    func `features keep the levels of the release`(update: Update) async throws {
        try await withConnection { connection async throws in
            var key = UpdateFeaturesRequest.FeatureUpdateKey()
            key.feature = update.feature
            key.maxVersionLevel = update.level
            key.upgradeType = update.type
            var request = UpdateFeaturesRequest()
            request.featureUpdates = [key]

            let whole = try await connection.send(request, version: 2)
            let each = try await connection.send(request, version: 1)

            #expect(whole.errorCode == update.error)
            let reason = whole.errorMessage ?? ""
            #expect(reason.contains(update.reason))
            #expect(each.errorCode == .none)
            #expect(each.results.map(\.errorCode) == [update.error])
            let eachReason = each.results.first?.errorMessage ?? ""
            #expect(eachReason.contains(update.reason))
        }
    }

    @Test func `nodes stay the cluster's`() async throws {
        try await withConnection(nodes: 2) { connection async throws in
            var request = UnregisterBrokerRequest()
            request.brokerID = 1
            #expect(try await connection.send(request).errorCode == .invalidRequest)
            request.brokerID = 77
            #expect(try await connection.send(request).errorCode == .brokerIDNotRegistered)
        }
    }

    @Test func `a replica is in the one directory that there is`() async throws {
        try await withConnection(nodes: 2) { connection async throws in
            _ = try await connection.createTopic("orders")
            let directory = try #require(try await connection.send(DescribeLogDirsRequest()).results.first?.logDir)
            var topic = AlterReplicaLogDirsRequest.AlterReplicaLogDirTopic()
            topic.name = "orders"
            topic.partitions = [0, 7]
            func ask(_ path: String) async throws -> [ErrorCode] {
                var entry = AlterReplicaLogDirsRequest.AlterReplicaLogDir()
                entry.path = path
                entry.topics = [topic]
                var request = AlterReplicaLogDirsRequest()
                request.dirs = [entry]
                return try await connection.send(request).results.flatMap { $0.partitions.map(\.errorCode) }
            }
            let here = try await ask(directory)
            // The other node has it otherwise.
            #expect(
                [[.none, .unknownTopicOrPartition], [.notLeaderOrFollower, .unknownTopicOrPartition]].contains(here))
            #expect(try await ask("/elsewhere") == [.logDirNotFound, .logDirNotFound])
        }
    }

    @Test func `what has settings is listed by type`() async throws {
        try await withConnection(nodes: 2) { connection async throws in
            _ = try await connection.createTopic("orders")
            var config = IncrementalAlterConfigsRequest.AlterableConfig()
            config.name = "consumer.session.timeout.ms"
            config.value = "50000"
            var resource = IncrementalAlterConfigsRequest.AlterConfigsResource()
            resource.resourceType = 32
            resource.resourceName = "billing"
            resource.configs = [config]
            var change = IncrementalAlterConfigsRequest()
            change.resources = [resource]
            #expect(try await connection.send(change).responses.map(\.errorCode) == [.none])

            func listed(_ types: [Int8]) async throws -> [String] {
                var request = ListConfigResourcesRequest()
                request.resourceTypes = types
                return try await connection.send(request).configResources.map {
                    "\($0.resourceType) \($0.resourceName)"
                }
            }
            #expect(try await listed([32]) == ["32 billing"])
            #expect(try await listed([2, 4]) == ["2 orders", "4 1", "4 2"])
            #expect(try await listed([]) == ["2 orders", "4 1", "4 2", "8 1", "8 2", "32 billing"])
            var request = ListConfigResourcesRequest()
            #expect(try await connection.send(request, version: 0).configResources.isEmpty)
            request.resourceTypes = [1]
            #expect(try await connection.send(request).errorCode == .unsupportedVersion)
        }
    }

    @Test func `tokens are refused to callers whom nobody has authenticated`() async throws {
        try await withConnection { connection async throws in
            let refusal = ErrorCode.delegationTokenRequestNotAllowed
            #expect(try await connection.send(CreateDelegationTokenRequest()).errorCode == refusal)
            #expect(try await connection.send(RenewDelegationTokenRequest()).errorCode == refusal)
            #expect(try await connection.send(ExpireDelegationTokenRequest()).errorCode == refusal)
            #expect(try await connection.send(DescribeDelegationTokenRequest()).errorCode == refusal)
        }
    }

    @Test func `tokens are turned off for everybody else`() async throws {
        try await withSecuredCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws in
                _ = try await connection.authenticate("alice", "secret")
                var request = CreateDelegationTokenRequest()
                let answer = try await connection.send(request)
                #expect(answer.errorCode == .delegationTokenAuthDisabled)
                #expect([answer.principalType, answer.principalName] == ["User", "alice"])
                #expect(answer.expiryTimestampMs == -1)
                var renewer = CreateDelegationTokenRequest.CreatableRenewers()
                renewer.principalType = "Group"
                request.renewers = [renewer]
                #expect(try await connection.send(request).errorCode == .invalidPrincipalType)
                let rest = try await connection.send(DescribeDelegationTokenRequest())
                #expect(rest.errorCode == .delegationTokenAuthDisabled)
                #expect(rest.tokens.isEmpty)
            }
        }
    }

    @Test(arguments: BrokerRelease.allCases)
    func `settings of topics and their defaults are those of the release`(release: BrokerRelease) async throws {
        try await withCluster(release: release) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws in
                _ = try await connection.createTopic("orders")
                var resource = DescribeConfigsRequest.DescribeConfigsResource()
                resource.resourceType = 2
                resource.resourceName = "orders"
                resource.configurationKeys = nil
                var request = DescribeConfigsRequest()
                request.resources = [resource]
                let entries = try #require(try await connection.send(request).results.first?.configs)
                let values = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.value) })

                let isOld = release < .kafka40
                #expect(values.keys.contains("message.downconversion.enable") == isOld)
                #expect(values.keys.contains("remote.log.copy.disable") == !isOld)
                #expect(values["message.timestamp.after.max.ms"] == (isOld ? "9223372036854775807" : "3600000"))
                let former = ["message.format.version": "2.8"]
                let created = try await connection.createTopic("former", configs: former)
                #expect(created.errorCode == (isOld ? .none : .invalidConfig))
                #expect(isOld || created.errorMessage == "Unknown topic config name: message.format.version")
            }
        }
    }
}
