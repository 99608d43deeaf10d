import ClusterTestSupport
import KafkaBroker
import KafkaWire
import Testing

/// A secured cluster with an authorizer; `body` gets the super user's connection and one of alice.
func withAuthorizer<Value: Sendable>(
    _ properties: [String: String] = [:], dataDirectory: String? = nil,
    _ body: (_ admin: RawConnection, _ alice: RawConnection, EmbeddedCluster) async throws -> Value
) async throws -> Value {
    let authorizer = ["authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer"]
    return try await withSecuredCluster(
        authorizer.merging(properties) { _, given in given }, dataDirectory: dataDirectory
    ) { cluster in
        try await RawConnection.open(cluster, as: "admin") { admin in
            try await RawConnection.open(cluster, as: "alice") { alice in try await body(admin, alice, cluster) }
        }
    }
}

/// An ACL in the protocol's numbers, in one line.
struct TestACL: Sendable {
    enum Resource: Int8, Sendable { case topic = 2, group, cluster, transactionalID }
    enum Operation: Int8, Sendable {
        case any = 1, all, read, write, create, delete, alter, describe, clusterAction, describeConfigs, alterConfigs
        case idempotentWrite
    }

    var operation: Operation
    var resource: Resource
    var name: String
    var pattern: Int8 = 3
    var principal = "User:alice"
    var host = "*"
    /// 2 denies, 3 allows.
    var permission: Int8 = 3

    init(
        _ operation: Operation, _ resource: Resource, _ name: String = "kafka-cluster", isPrefix: Bool = false,
        principal: String = "User:alice", host: String = "*", isDenied: Bool = false
    ) {
        self.operation = operation
        self.resource = resource
        self.name = name
        pattern = isPrefix ? 4 : 3
        self.principal = principal
        self.host = host
        permission = isDenied ? 2 : 3
    }

    var creation: CreateAclsRequest.AclCreation {
        var creation = CreateAclsRequest.AclCreation()
        creation.resourceType = resource.rawValue
        creation.resourceName = name
        creation.resourcePatternType = pattern
        creation.principal = principal
        creation.host = host
        creation.operation = operation.rawValue
        creation.permissionType = permission
        return creation
    }
}

extension RawConnection {
    func create(_ acls: TestACL...) async throws {
        var request = CreateAclsRequest()
        request.creations = acls.map(\.creation)
        for result in try await send(request).results { try #require(result.errorCode == .none) }
    }

    /// The names of the resources of the ACLs that a filter finds.
    func describe(_ adjust: (inout DescribeAclsRequest) -> Void = { _ in }) async throws -> DescribeAclsResponse {
        var request = DescribeAclsRequest()
        request.resourceTypeFilter = 1
        request.resourceNameFilter = nil
        request.patternTypeFilter = 1
        request.principalFilter = nil
        request.hostFilter = nil
        request.operation = 1
        request.permissionType = 1
        adjust(&request)
        return try await send(request)
    }

    func deleteAllACLs() async throws {
        var filter = DeleteAclsRequest.DeleteAclsFilter()
        filter.resourceTypeFilter = 1
        filter.resourceNameFilter = nil
        filter.patternTypeFilter = 1
        filter.principalFilter = nil
        filter.hostFilter = nil
        filter.operation = 1
        filter.permissionType = 1
        var request = DeleteAclsRequest()
        request.filters = [filter]
        try #require(try await send(request).filterResults.first?.errorCode == ErrorCode.none)
    }
}
