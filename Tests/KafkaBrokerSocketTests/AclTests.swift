import ClusterTestSupport
import Foundation
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// ACLs through the protocol: made, found, deleted, kept.
@Suite(.printsSeed, .timeLimit(.minutes(1))) struct AclTests {
    @Test func `without an authorizer there are no ACLs`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                var creation = CreateAclsRequest()
                creation.creations = [TestACL(.read, .topic, "t").creation]
                #expect(try await connection.send(creation).results.map(\.errorCode) == [.securityDisabled])
                #expect(try await connection.describe().errorCode == .securityDisabled)
                var deletion = DeleteAclsRequest()
                deletion.filters = [.init()]
                let deleted = try await connection.send(deletion).filterResults
                #expect(deleted.map(\.errorCode) == [.securityDisabled])
            }
        }
    }

    @Test func `each creation stands for itself`() async throws {
        try await withAuthorizer { admin, _, _ in
            var acls = (0..<8).map { _ in TestACL(.read, .topic, "t").creation }
            acls[1].resourceType = 1
            acls[2].resourcePatternType = 1
            acls[3].operation = 1
            acls[4].permissionType = 1
            acls[5].resourceName = ""
            acls[6].principal = "alice"
            acls[7].resourceType = 4
            var request = CreateAclsRequest()
            request.creations = acls
            let results = try await admin.send(request).results

            #expect(results.map(\.errorCode) == [.none] + Array(repeating: .invalidRequest, count: 7))
            #expect(results[7].errorMessage == "The only valid name for the CLUSTER resource is kafka-cluster")
            #expect(try await admin.describe().resources.map(\.resourceName) == ["t"])
        }
    }

    @Test(arguments: [
        // type, name, pattern type; what is found, in order
        (Int8(1), String?.none, Int8(1), ["*", "orders", "ord", "orders", "g"]),
        (2, nil, 1, ["*", "orders", "ord", "orders"]),
        (2, "orders", 3, ["orders"]),
        (2, "orders", 4, ["orders"]),
        (2, "orders", 1, ["orders", "orders"]),
        (2, "orders", 2, ["*", "orders", "ord", "orders"]),
        (2, "ordinary", 2, ["*", "ord"]),
        (2, "ordinary", 3, []),
        (3, "g", 2, ["g"]),
    ])
    func `filters find what Kafka's would`(type: Int8, name: String?, pattern: Int8, expected: [String]) async throws {
        try await withAuthorizer { admin, _, _ in
            try await admin.create(
                TestACL(.read, .topic, "*"), TestACL(.read, .topic, "orders"),
                TestACL(.read, .topic, "ord", isPrefix: true), TestACL(.write, .topic, "orders", isPrefix: true),
                TestACL(.read, .group, "g"))
            let found = try await admin.describe {
                $0.resourceTypeFilter = type
                $0.resourceNameFilter = name
                $0.patternTypeFilter = pattern
            }
            #expect(found.resources.map(\.resourceName).sorted() == expected.sorted())
        }
    }

    @Test func `deletion answers with what was deleted, and only that is gone`() async throws {
        try await withAuthorizer { admin, _, _ in
            try await admin.create(
                TestACL(.read, .topic, "a"), TestACL(.write, .topic, "a"), TestACL(.read, .topic, "b"),
                TestACL(.read, .topic, "a", principal: "User:bob"))
            var filter = DeleteAclsRequest.DeleteAclsFilter()
            filter.resourceTypeFilter = 2
            filter.resourceNameFilter = "a"
            filter.principalFilter = "User:alice"
            filter.hostFilter = nil
            filter.operation = 1
            filter.permissionType = 3
            var broken = filter
            broken.operation = 99
            var request = DeleteAclsRequest()
            request.filters = [filter, broken]
            let results = try await admin.send(request).filterResults

            #expect(results.map(\.errorCode) == [.none, .invalidRequest])
            #expect(results[0].matchingACLs.map(\.operation).sorted() == [3, 4])
            let left = try await admin.describe().resources.flatMap { resource in
                resource.acls.map { "\(resource.resourceName) \($0.principal)" }
            }
            #expect(left == ["a User:bob", "b User:alice"])
        }
    }

    @Test func `ACLs outlive a restart, also one without an authorizer`() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "acls-\(UUID())").path()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await withAuthorizer(dataDirectory: directory) { admin, _, _ in
            try await admin.create(TestACL(.read, .topic, "kept"), TestACL(.read, .topic, "gone"))
            var filter = DeleteAclsRequest.DeleteAclsFilter()
            filter.resourceTypeFilter = 2
            filter.resourceNameFilter = "gone"
            filter.principalFilter = nil
            filter.hostFilter = nil
            filter.operation = 1
            filter.permissionType = 1
            var request = DeleteAclsRequest()
            request.filters = [filter]
            _ = try await admin.send(request)
        }
        try await withCluster(dataDirectory: directory) { _ in }
        try await withAuthorizer(dataDirectory: directory) { admin, _, _ in
            let left = try await admin.describe().resources.map(\.resourceName)
            #expect(left == ["kept"])
        }
    }

    @Test func `noise in ACL requests costs its connection and nothing else`() async throws {
        try await withAuthorizer { admin, _, cluster in
            var source = seeded(11)
            for _ in 0..<100 {
                let creation = try CreateAclsRequest.sample(version: 3, from: &source)
                #expect(try await admin.send(creation).results.count == creation.creations.count)
                let filters = try DeleteAclsRequest.sample(version: 3, from: &source)
                #expect(try await admin.send(filters).filterResults.count == filters.filters.count)
                _ = try await admin.send(try DescribeAclsRequest.sample(version: 3, from: &source))
            }
            #expect(try await admin.metadata().brokers.count == 1)
        }
    }
}
