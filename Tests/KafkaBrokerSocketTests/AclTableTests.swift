import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Every API that concerns groups and the cluster as a whole: refused with the right error, served with the right ACL.
@Suite(.timeLimit(.minutes(2))) struct AclTableTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let denied: ErrorCode
        let acl: TestACL
        /// What has been permitted already.
        var before: [TestACL] = []
        /// Sends the request; the error that its answer has.
        let ask: @Sendable (RawConnection) async throws -> ErrorCode?

        var testDescription: String { name }
    }

    private static func group(_ operation: TestACL.Operation) -> TestACL { TestACL(operation, .group, "g") }
    private static func cluster(_ operation: TestACL.Operation) -> TestACL { TestACL(operation, .cluster) }

    static let cases: [Case] = [
        Case(name: "FindCoordinator", denied: .groupAuthorizationFailed, acl: group(.describe)) { connection in
            var request = FindCoordinatorRequest()
            request.coordinatorKeys = ["g"]
            return try await connection.send(request).coordinators.first?.errorCode
        },
        Case(name: "FindCoordinator before version 4", denied: .groupAuthorizationFailed, acl: group(.read)) {
            connection in
            var request = FindCoordinatorRequest()
            request.key = "g"
            return try await connection.send(request, version: 3).errorCode
        },
        Case(name: "JoinGroup", denied: .groupAuthorizationFailed, acl: group(.read)) { connection in
            var request = JoinGroupRequest()
            request.groupID = "g"
            return try await connection.send(request).errorCode
        },
        Case(name: "SyncGroup", denied: .groupAuthorizationFailed, acl: group(.read)) { connection in
            var request = SyncGroupRequest()
            request.groupID = "g"
            return try await connection.send(request).errorCode
        },
        Case(name: "Heartbeat", denied: .groupAuthorizationFailed, acl: group(.read)) { connection in
            var request = HeartbeatRequest()
            request.groupID = "g"
            return try await connection.send(request).errorCode
        },
        Case(name: "LeaveGroup", denied: .groupAuthorizationFailed, acl: group(.read)) { connection in
            var request = LeaveGroupRequest()
            request.groupID = "g"
            return try await connection.send(request).errorCode
        },
        Case(name: "OffsetCommit", denied: .groupAuthorizationFailed, acl: group(.read)) { connection in
            var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
            partition.committedOffset = 1
            var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
            topic.name = "t"
            topic.partitions = [partition]
            var request = OffsetCommitRequest()
            request.groupID = "g"
            request.topics = [topic]
            return try await connection.send(request, version: 8).topics.first?.partitions.first?.errorCode
        },
        Case(name: "OffsetFetch", denied: .groupAuthorizationFailed, acl: group(.describe)) { connection in
            var group = OffsetFetchRequest.OffsetFetchRequestGroup()
            group.groupID = "g"
            group.topics = nil
            var request = OffsetFetchRequest()
            request.groups = [group]
            return try await connection.send(request, version: 8).groups.first?.errorCode
        },
        Case(name: "OffsetFetch before version 8", denied: .groupAuthorizationFailed, acl: group(.describe)) {
            connection in
            var request = OffsetFetchRequest()
            request.groupID = "g"
            request.topics = nil
            return try await connection.send(request, version: 7).errorCode
        },
        Case(name: "OffsetDelete", denied: .groupAuthorizationFailed, acl: group(.delete)) { connection in
            var request = OffsetDeleteRequest()
            request.groupID = "g"
            return try await connection.send(request).errorCode
        },
        Case(name: "DescribeGroups", denied: .groupAuthorizationFailed, acl: group(.describe)) { connection in
            var request = DescribeGroupsRequest()
            request.groups = ["g"]
            return try await connection.send(request, version: 5).groups.first?.errorCode
        },
        Case(name: "DeleteGroups", denied: .groupAuthorizationFailed, acl: group(.delete)) { connection in
            var request = DeleteGroupsRequest()
            request.groupsNames = ["g"]
            return try await connection.send(request).results.first?.errorCode
        },
        Case(name: "ConsumerGroupHeartbeat", denied: .groupAuthorizationFailed, acl: group(.read)) { connection in
            try await connection.send(ConsumerGroupHeartbeatRequest(joining: "g", as: "m", ["t"])).errorCode
        },
        Case(
            name: "ConsumerGroupHeartbeat for a topic", denied: .topicAuthorizationFailed,
            acl: TestACL(.describe, .topic, "t"), before: [group(.read)]
        ) { connection in
            try await connection.send(ConsumerGroupHeartbeatRequest(joining: "g", as: "m", ["t"])).errorCode
        },
        Case(name: "ConsumerGroupDescribe", denied: .groupAuthorizationFailed, acl: group(.describe)) { connection in
            var request = ConsumerGroupDescribeRequest()
            request.groupIDs = ["g"]
            return try await connection.send(request).groups.first?.errorCode
        },
        Case(name: "ShareGroupDescribe", denied: .groupAuthorizationFailed, acl: group(.describe)) { connection in
            var request = ShareGroupDescribeRequest()
            request.groupIDs = ["g"]
            return try await connection.send(request).groups.first?.errorCode
        },
        Case(name: "StreamsGroupDescribe", denied: .groupAuthorizationFailed, acl: group(.describe)) { connection in
            var request = StreamsGroupDescribeRequest()
            request.groupIDs = ["g"]
            return try await connection.send(request).groups.first?.errorCode
        },
        Case(name: "DescribeShareGroupOffsets", denied: .groupAuthorizationFailed, acl: group(.describe)) {
            connection in
            var group = DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup()
            group.groupID = "g"
            var request = DescribeShareGroupOffsetsRequest()
            request.groups = [group]
            return try await connection.send(request).groups.first?.errorCode
        },
        Case(name: "AlterShareGroupOffsets", denied: .groupAuthorizationFailed, acl: group(.read)) { connection in
            try await connection.send(AlterShareGroupOffsetsRequest("g", "t", [0: 1])).errorCode
        },
        Case(
            name: "AlterShareGroupOffsets of a topic", denied: .topicAuthorizationFailed,
            acl: TestACL(.read, .topic, "t"), before: [group(.read)]
        ) { connection in
            // Before a client asks for a coordinator there is none.
            _ = try await connection.coordinator(of: "g")
            return try await connection.send(AlterShareGroupOffsetsRequest("g", "t", [0: 1])).responses.first?
                .partitions
                .first?.errorCode
        },
        Case(name: "DeleteShareGroupOffsets", denied: .groupAuthorizationFailed, acl: group(.delete)) { connection in
            var request = DeleteShareGroupOffsetsRequest()
            request.groupID = "g"
            return try await connection.send(request).errorCode
        },
        Case(name: "DescribeConfigs of a group", denied: .groupAuthorizationFailed, acl: group(.describeConfigs)) {
            try await describeConfigs(32, "g", $0)
        },
        Case(
            name: "DescribeConfigs of a topic", denied: .topicAuthorizationFailed,
            acl: TestACL(.alterConfigs, .topic, "t")
        ) { connection in
            try await describeConfigs(2, "t", connection)
        },
        Case(name: "DescribeConfigs of a node", denied: .clusterAuthorizationFailed, acl: cluster(.describeConfigs)) {
            try await describeConfigs(4, "1", $0)
        },
        Case(name: "IncrementalAlterConfigs", denied: .clusterAuthorizationFailed, acl: cluster(.alterConfigs)) {
            connection in
            var resource = IncrementalAlterConfigsRequest.AlterConfigsResource()
            resource.resourceType = 4
            resource.resourceName = "1"
            var request = IncrementalAlterConfigsRequest()
            request.resources = [resource]
            return try await connection.send(request).responses.first?.errorCode
        },
        Case(name: "AlterConfigs", denied: .topicAuthorizationFailed, acl: TestACL(.alterConfigs, .topic, "t")) {
            connection in
            var resource = AlterConfigsRequest.AlterConfigsResource()
            resource.resourceType = 2
            resource.resourceName = "t"
            var request = AlterConfigsRequest()
            request.resources = [resource]
            return try await connection.send(request).responses.first?.errorCode
        },
        Case(name: "CreatePartitions", denied: .topicAuthorizationFailed, acl: TestACL(.alter, .topic, "t")) {
            connection in
            var topic = CreatePartitionsRequest.CreatePartitionsTopic()
            topic.name = "t"
            topic.count = 2
            topic.assignments = nil
            var request = CreatePartitionsRequest()
            request.topics = [topic]
            return try await connection.send(request).results.first?.errorCode
        },
        Case(name: "DeleteRecords", denied: .topicAuthorizationFailed, acl: TestACL(.delete, .topic, "t")) {
            connection in
            var topic = DeleteRecordsRequest.DeleteRecordsTopic()
            topic.name = "t"
            topic.partitions = [.init()]
            var request = DeleteRecordsRequest()
            request.topics = [topic]
            return try await connection.send(request).topics.first?.partitions.first?.errorCode
        },
        Case(name: "OffsetForLeaderEpoch", denied: .topicAuthorizationFailed, acl: TestACL(.describe, .topic, "t")) {
            connection in
            var topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic()
            topic.topic = "t"
            topic.partitions = [.init()]
            topic.partitions[0].currentLeaderEpoch = -1
            var request = OffsetForLeaderEpochRequest()
            request.topics = [topic]
            return try await connection.send(request).topics.first?.partitions.first?.errorCode
        },
        Case(name: "DescribeProducers", denied: .topicAuthorizationFailed, acl: TestACL(.read, .topic, "t")) {
            connection in
            var topic = DescribeProducersRequest.TopicRequest()
            topic.name = "t"
            topic.partitionIndexes = [0]
            var request = DescribeProducersRequest()
            request.topics = [topic]
            return try await connection.send(request).topics.first?.partitions.first?.errorCode
        },
        Case(name: "WriteTxnMarkers", denied: .clusterAuthorizationFailed, acl: cluster(.alter)) { connection in
            var topic = WriteTxnMarkersRequest.WritableTxnMarkerTopic()
            topic.name = "t"
            topic.partitionIndexes = [0]
            var marker = WriteTxnMarkersRequest.WritableTxnMarker()
            marker.producerID = 1
            marker.topics = [topic]
            var request = WriteTxnMarkersRequest()
            request.markers = [marker]
            return try await connection.send(request, version: 1).markers.first?.topics.first?.partitions.first?
                .errorCode
        },
        Case(name: "ElectLeaders", denied: .clusterAuthorizationFailed, acl: cluster(.alter)) { connection in
            var request = ElectLeadersRequest()
            request.topicPartitions = []
            return try await connection.send(request).errorCode
        },
        Case(name: "DescribeLogDirs", denied: .clusterAuthorizationFailed, acl: cluster(.describe)) {
            try await $0.send(DescribeLogDirsRequest()).errorCode
        },
        Case(name: "AlterReplicaLogDirs", denied: .clusterAuthorizationFailed, acl: cluster(.alter)) { connection in
            var topic = AlterReplicaLogDirsRequest.AlterReplicaLogDirTopic()
            topic.name = "t"
            topic.partitions = [0]
            var directory = AlterReplicaLogDirsRequest.AlterReplicaLogDir()
            directory.path = "memory"
            directory.topics = [topic]
            var request = AlterReplicaLogDirsRequest()
            request.dirs = [directory]
            return try await connection.send(request).results.first?.partitions.first?.errorCode
        },
        Case(name: "DescribeQuorum", denied: .clusterAuthorizationFailed, acl: cluster(.describe)) {
            try await $0.send(DescribeQuorumRequest()).errorCode
        },
        Case(name: "UpdateFeatures", denied: .clusterAuthorizationFailed, acl: cluster(.alter)) {
            try await $0.send(UpdateFeaturesRequest()).errorCode
        },
        Case(name: "UnregisterBroker", denied: .clusterAuthorizationFailed, acl: cluster(.alter)) {
            try await $0.send(UnregisterBrokerRequest()).errorCode
        },
        Case(name: "ListConfigResources", denied: .clusterAuthorizationFailed, acl: cluster(.describeConfigs)) {
            try await $0.send(ListConfigResourcesRequest()).errorCode
        },
        Case(name: "DescribeAcls", denied: .clusterAuthorizationFailed, acl: cluster(.describe)) {
            try await $0.describe().errorCode
        },
        Case(name: "CreateAcls", denied: .clusterAuthorizationFailed, acl: cluster(.alter)) { connection in
            var request = CreateAclsRequest()
            request.creations = [TestACL(.read, .topic, "x").creation]
            return try await connection.send(request).results.first?.errorCode
        },
        Case(name: "DeleteAcls", denied: .clusterAuthorizationFailed, acl: cluster(.alter)) { connection in
            var request = DeleteAclsRequest()
            request.filters = [.init()]
            request.filters[0].resourceTypeFilter = 1
            request.filters[0].resourceNameFilter = "x"
            request.filters[0].operation = 1
            request.filters[0].permissionType = 1
            return try await connection.send(request).filterResults.first?.errorCode
        },
        Case(name: "DescribeUserScramCredentials", denied: .clusterAuthorizationFailed, acl: cluster(.describe)) {
            var request = DescribeUserScramCredentialsRequest()
            request.users = nil
            return try await $0.send(request).errorCode
        },
        Case(name: "AlterUserScramCredentials", denied: .clusterAuthorizationFailed, acl: cluster(.alter)) {
            connection in
            var upsertion = AlterUserScramCredentialsRequest.ScramCredentialUpsertion()
            upsertion.name = "u"
            upsertion.mechanism = 1
            upsertion.iterations = 4096
            upsertion.salt = ByteBuffer(string: "s")
            upsertion.saltedPassword = ByteBuffer(string: "p")
            var request = AlterUserScramCredentialsRequest()
            request.upsertions = [upsertion]
            return try await connection.send(request).results.first?.errorCode
        },
    ]

    private static func describeConfigs(
        _ type: Int8, _ name: String, _ connection: RawConnection
    ) async throws -> ErrorCode? {
        var resource = DescribeConfigsRequest.DescribeConfigsResource()
        resource.resourceType = type
        resource.resourceName = name
        var request = DescribeConfigsRequest()
        request.resources = [resource]
        return try await connection.send(request).results.first?.errorCode
    }

    @Test(arguments: cases)
    func `an API is refused without its permission and served with it`(_ wanted: Case) async throws {
        try await withAuthorizer { admin, alice, _ in
            try await admin.createTopic("t")
            for acl in wanted.before { try await admin.create(acl) }
            #expect(try await wanted.ask(alice) == wanted.denied)

            try await admin.create(wanted.acl, TestACL(.read, .topic, "*"))

            let code = try #require(try await wanted.ask(alice))
            let authorization: Set<ErrorCode> = [
                .topicAuthorizationFailed, .groupAuthorizationFailed, .clusterAuthorizationFailed,
            ]
            #expect(!authorization.contains(code), "\(code)")
        }
    }

    @Test func `groups are listed to who may describe them`() async throws {
        try await withAuthorizer { admin, alice, _ in
            try await admin.createTopic("t")
            for group in ["a", "b"] {
                var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
                partition.committedOffset = 1
                var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
                topic.name = "t"
                topic.partitions = [partition]
                var request = OffsetCommitRequest()
                request.groupID = group
                request.topics = [topic]
                _ = try await admin.coordinator(of: group)
                let codes = try await admin.send(request, version: 8).topics.flatMap { $0.partitions.map(\.errorCode) }
                try #require(codes == [.none])
            }
            #expect(try await alice.send(ListGroupsRequest()).groups.isEmpty)
            try await admin.create(TestACL(.read, .group, "b"))
            #expect(try await alice.send(ListGroupsRequest()).groups.map(\.groupID) == ["b"])
            try await admin.create(TestACL(.describe, .cluster))
            #expect(try await alice.send(ListGroupsRequest()).groups.map(\.groupID) == ["a", "b"])

            // Of a group's offsets those are shown whose topic may be described.
            var group = OffsetFetchRequest.OffsetFetchRequestGroup()
            group.groupID = "b"
            group.topics = nil
            var all = OffsetFetchRequest()
            all.groups = [group]
            #expect(try await alice.send(all, version: 8).groups.first?.topics.isEmpty == true)
            var topic = OffsetFetchRequest.OffsetFetchRequestTopics()
            topic.name = "t"
            topic.partitionIndexes = [0]
            all.groups[0].topics = [topic]
            let named = try await alice.send(all, version: 8).groups.first?.topics.first?.partitions.first
            #expect(named?.errorCode == .topicAuthorizationFailed)
            #expect(named?.committedOffset == -1)
            try await admin.create(TestACL(.describe, .topic, "t"))
            let shown = try await alice.send(all, version: 8).groups.first?.topics.first?.partitions.first
            #expect(shown?.committedOffset == 1)
        }
    }
}

extension RawConnection {
    fileprivate func coordinator(of group: String) async throws -> ErrorCode? {
        var request = FindCoordinatorRequest()
        request.coordinatorKeys = [group]
        return try await send(request).coordinators.first?.errorCode
    }
}
