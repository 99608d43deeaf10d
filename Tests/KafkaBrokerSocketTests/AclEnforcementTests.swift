import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// What ACLs allow and deny, seen from a principal that is not a super user.
@Suite(.timeLimit(.minutes(2))) struct AclEnforcementTests {
    @Test(arguments: [
        // ACLs on topic "orders" or patterns over it, and whether alice may then write to it
        ([], false),
        ([TestACL(.write, .topic, "orders")], true),
        ([TestACL(.all, .topic, "orders")], true),
        ([TestACL(.write, .topic, "*")], true),
        ([TestACL(.write, .topic, "ord", isPrefix: true)], true),
        ([TestACL(.write, .topic, "orders2", isPrefix: true)], false),
        ([TestACL(.read, .topic, "orders")], false),
        ([TestACL(.write, .topic, "orders", principal: "User:*")], true),
        ([TestACL(.write, .topic, "orders", principal: "User:bob")], false),
        ([TestACL(.write, .topic, "orders", host: "127.0.0.1")], true),
        ([TestACL(.write, .topic, "orders", host: "10.0.0.1")], false),
        ([TestACL(.write, .topic, "orders"), TestACL(.write, .topic, "orders", isDenied: true)], false),
        ([TestACL(.write, .topic, "orders"), TestACL(.all, .topic, "o", isPrefix: true, isDenied: true)], false),
        ([TestACL(.write, .topic, "orders"), TestACL(.read, .topic, "orders", isDenied: true)], true),
        ([TestACL(.write, .topic, "orders"), TestACL(.write, .topic, "*", host: "10.0.0.1", isDenied: true)], true),
    ])
    func `deny wins, patterns and hosts count`(acls: [TestACL], isAllowed: Bool) async throws {
        try await withAuthorizer { admin, alice, _ in
            try await admin.createTopic("orders")
            for acl in acls { try await admin.create(acl) }
            let code = try await alice.produce(["v"], to: "orders").errorCode
            #expect(code == (isAllowed ? .none : .topicAuthorizationFailed))
        }
    }

    @Test func `operations imply describing, denials do not`() async throws {
        try await withAuthorizer { admin, alice, _ in
            try await admin.createTopic("t")
            for operation in [TestACL.Operation.read, .write, .delete, .alter, .describe] {
                try await admin.create(TestACL(operation, .topic, "t"))
                #expect(try await alice.offset("t", at: -1).errorCode == .none, "\(operation)")
                try await admin.deleteAllACLs()
                #expect(try await alice.offset("t", at: -1).errorCode == .topicAuthorizationFailed, "\(operation)")
            }
            try await admin.create(TestACL(.read, .topic, "t"), TestACL(.write, .topic, "t", isDenied: true))
            #expect(try await alice.offset("t", at: -1).errorCode == .none)
        }
    }

    @Test func `nothing tells whether a hidden topic exists`() async throws {
        try await withAuthorizer { admin, alice, _ in
            let created = try await admin.createTopic("hidden")
            let answer = try await alice.metadata(["hidden", "missing"], mayCreate: true)
            #expect(answer.topics.map(\.errorCode) == [.topicAuthorizationFailed, .topicAuthorizationFailed])
            #expect(answer.topics.allSatisfy { $0.topicID == .zero && $0.partitions.isEmpty })
            #expect(try await alice.metadata().topics.isEmpty)
            #expect(try await alice.send(MetadataRequest(), version: 0).topics.isEmpty)
            #expect(try await alice.fetch("hidden").errorCode == .topicAuthorizationFailed)
            #expect(try await alice.fetch("missing").errorCode == .topicAuthorizationFailed)
            #expect(try await alice.produce(["a"], to: "missing").errorCode == .topicAuthorizationFailed)
            #expect(try await admin.metadata().topics.map(\.name) == ["hidden"])
            // Ids are no secret: known ones are refused, unknown ones are told to be so.
            var byID = MetadataRequest()
            var known = MetadataRequest.MetadataRequestTopic()
            known.name = nil
            known.topicID = created.topicID
            var unknown = known
            unknown.topicID = KafkaUUID(high: 1, low: 2)
            byID.topics = [known, unknown]
            let codes = try await alice.send(byID).topics.map(\.errorCode)
            #expect(Set(codes) == [.topicAuthorizationFailed, .unknownTopicID])
        }
    }

    @Test func `a request is answered in parts, as far as it is permitted`() async throws {
        try await withAuthorizer { admin, alice, _ in
            try await admin.createTopic("open")
            try await admin.createTopic("closed")
            try await admin.create(TestACL(.all, .topic, "open"))

            var produce = try ProduceRequest(.batch(["a"]), to: "open")
            produce.topicData += try ProduceRequest(.batch(["a"]), to: "closed").topicData
            let written = try await alice.send(produce, version: 12).responses
            let fetch = FetchRequest.plain("open") { request in
                request.topics += FetchRequest.plain("closed").topics
            }
            let read = try await alice.send(fetch, version: 12).responses

            #expect(written.map(\.name) == ["open", "closed"])
            #expect(written.map { $0.partitionResponses[0].errorCode } == [.none, .topicAuthorizationFailed])
            #expect(read.map { $0.partitions[0].errorCode } == [.none, .topicAuthorizationFailed])
            #expect(try await alice.metadata().topics.map(\.name) == ["open"])
            #expect(try await admin.offset("closed", at: -1).offset == 0)
        }
    }

    @Test func `unacknowledged writes that are not permitted end the connection`() async throws {
        try await withAuthorizer { admin, alice, _ in
            try await admin.createTopic("closed")
            let request = try ProduceRequest(.batch(["a"]), to: "closed", acks: 0)
            for piece in try request.encodeFrame(version: 9, correlationID: 1, clientID: "test") {
                try await alice.write(piece)
            }
            try await alice.waitUntilClosed()
        }
    }

    @Test func `a session's partitions are checked at every fetch`() async throws {
        try await withAuthorizer { admin, alice, _ in
            try await admin.createTopic("t")
            try await admin.create(TestACL(.read, .topic, "t"))
            let first = try await alice.send(FetchRequest.plain("t") { $0.sessionEpoch = 0 }, version: 12)
            #expect(first.sessionID != 0)
            try await admin.deleteAllACLs()
            var next = FetchRequest()
            next.sessionID = first.sessionID
            next.sessionEpoch = 1
            let second = try await alice.send(next, version: 12)
            #expect(second.responses.first?.partitions.first?.errorCode == .topicAuthorizationFailed)
        }
    }

    @Test func `topics are created and deleted by who may, on the cluster or by name`() async throws {
        try await withAuthorizer { admin, alice, _ in
            #expect(try await alice.createTopic("mine.a").errorCode == .topicAuthorizationFailed)
            try await admin.create(TestACL(.create, .topic, "mine.", isPrefix: true))
            let created = try await alice.createTopic("mine.a")
            #expect(created.errorCode == .none)
            #expect(created.topicConfigErrorCode == .topicAuthorizationFailed)
            #expect(created.numPartitions == -1)
            #expect(try await alice.createTopic("other").errorCode == .topicAuthorizationFailed)
            try await admin.create(TestACL(.create, .cluster))
            #expect(try await alice.createTopic("other").errorCode == .none)

            func delete(_ name: String) async throws -> ErrorCode? {
                var topic = DeleteTopicsRequest.DeleteTopicState()
                topic.name = name
                var request = DeleteTopicsRequest()
                request.topics = [topic]
                return try await alice.send(request).responses.first?.errorCode
            }
            #expect(try await delete("mine.a") == .topicAuthorizationFailed)
            #expect(try await delete("missing") == .topicAuthorizationFailed)
            try await admin.create(TestACL(.delete, .topic, "mine.a"))
            #expect(try await delete("mine.a") == ErrorCode.none)
        }
    }

    @Test func `automatic creation needs a permission of its own`() async throws {
        try await withAuthorizer { admin, alice, _ in
            try await admin.create(TestACL(.describe, .topic, "new"))
            #expect(try await alice.metadata(["new"], mayCreate: true).topics[0].errorCode == .topicAuthorizationFailed)
            #expect(try await alice.metadata(["new"]).topics[0].errorCode == .unknownTopicOrPartition)
            try await admin.create(TestACL(.create, .topic, "new"))
            let asked = try await alice.metadata(["new"], mayCreate: true).topics[0]
            #expect(asked.errorCode == .unknownTopicOrPartition, "it is on its way")
            #expect(try await alice.metadata(["new"]).topics[0].errorCode == .none)
        }
    }

    @Test func `authorized operations are told to who asks`() async throws {
        func bits(_ operations: TestACL.Operation...) -> Int32 {
            operations.reduce(0) { $0 | 1 << Int32($1.rawValue) }
        }
        try await withAuthorizer { admin, alice, _ in
            try await admin.createTopic("t")
            try await admin.create(TestACL(.read, .topic, "t"), TestACL(.describe, .cluster))
            var request = MetadataRequest()
            request.topics = nil
            request.includeTopicAuthorizedOperations = true
            request.includeClusterAuthorizedOperations = true
            let answer = try await alice.send(request, version: 10)
            #expect(answer.topics.map(\.topicAuthorizedOperations) == [bits(.read, .describe)])
            #expect(answer.clusterAuthorizedOperations == bits(.describe))
            let all = try await admin.send(request, version: 10)
            #expect(
                all.topics.map(\.topicAuthorizedOperations) == [
                    bits(.read, .write, .create, .delete, .alter, .describe, .describeConfigs, .alterConfigs)
                ])
            var cluster = DescribeClusterRequest()
            #expect(try await alice.send(cluster).clusterAuthorizedOperations == .min)
            cluster.includeClusterAuthorizedOperations = true
            #expect(try await alice.send(cluster).clusterAuthorizedOperations == bits(.describe))
        }
    }

    @Test func `idempotent producers need one permission or the other`() async throws {
        try await withAuthorizer { admin, alice, _ in
            var request = InitProducerIdRequest()
            request.transactionalID = nil
            #expect(try await alice.send(request, version: 5).errorCode == .clusterAuthorizationFailed)
            try await admin.create(TestACL(.write, .topic, "any", isPrefix: true))
            #expect(try await alice.send(request, version: 5).errorCode == .none)
            try await admin.create(TestACL(.write, .topic, "an", isPrefix: true, isDenied: true))
            #expect(try await alice.send(request, version: 5).errorCode == .clusterAuthorizationFailed)
            try await admin.create(TestACL(.idempotentWrite, .cluster))
            #expect(try await alice.send(request, version: 5).errorCode == .none)
            request.transactionalID = "tx"
            #expect(try await alice.send(request, version: 5).errorCode == .transactionalIDAuthorizationFailed)
        }
    }

    @Test func `where no ACL is, everybody may be let in`() async throws {
        try await withAuthorizer(["allow.everyone.if.no.acl.found": "true"]) { admin, alice, _ in
            #expect(try await alice.createTopic("t").errorCode == .none)
            try await admin.create(TestACL(.read, .topic, "t", principal: "User:bob"))
            #expect(try await alice.produce(["a"], to: "t").errorCode == .topicAuthorizationFailed)
        }
    }

    @Test func `who is not let in by SASL is ANONYMOUS`() async throws {
        try await withAuthorizer { admin, _, cluster in
            try await admin.createTopic("t")
            let open = try #require(cluster.bootstrapServers(listener: "PLAINTEXT")?.split(separator: ":").last)
            try await RawConnection.open(port: try #require(Int(open))) { anonymous in
                #expect(try await anonymous.produce(["a"], to: "t").errorCode == .topicAuthorizationFailed)
                try await admin.create(TestACL(.write, .topic, "t", principal: "User:ANONYMOUS"))
                #expect(try await anonymous.produce(["a"], to: "t").errorCode == .none)
            }
        }
    }
}
