import KafkaWire

// CreateAcls, DescribeAcls, DeleteAcls: 0-3.
//
// - Each creation and each filter stands for itself; one that exists already is not an error.
// - Version 0 knows literal names only: it neither makes, shows nor deletes prefixed ones.
// - Without `authorizer.class.name`: SECURITY_DISABLED.

extension CreateAclsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> CreateAclsResponse {
        answered { _ in AdminRefusal(error, error.description) }
    }

    fileprivate func answered(_ refusal: (AclCreation) -> AdminRefusal?) -> CreateAclsResponse {
        var response = CreateAclsResponse()
        response.results = creations.map { creation in
            let refusal = refusal(creation)
            var result = CreateAclsResponse.AclCreationResult()
            result.errorCode = refusal?.code ?? .none
            result.errorMessage = refusal?.message
            return result
        }
        return response
    }
}

extension DescribeAclsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeAclsResponse { refused(AdminRefusal(error, error.description)) }

    fileprivate func refused(_ refusal: AdminRefusal) -> DescribeAclsResponse {
        var response = DescribeAclsResponse()
        response.errorCode = refusal.code
        response.errorMessage = refusal.message
        return response
    }
}

extension DeleteAclsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DeleteAclsResponse {
        var response = DeleteAclsResponse()
        response.filterResults = filters.map { _ in
            var result = DeleteAclsResponse.DeleteAclsFilterResult()
            result.errorCode = error
            result.errorMessage = error.description
            return result
        }
        return response
    }
}

extension Cluster {
    private static let noAuthorizer = AdminRefusal(
        .securityDisabled, "No Authorizer is configured. Set authorizer.class.name to have one.")

    func createACLs(_ request: CreateAclsRequest, _ context: RequestContext) -> CreateAclsResponse {
        request.answered { creation in
            do throws(AdminRefusal) {
                try create(try binding(creation))
                return nil
            } catch {
                return error
            }
        }
    }

    private func create(_ binding: ACLBinding) throws(AdminRefusal) {
        guard let authorizer else { throw Self.noAuthorizer }
        guard !authorizer.contains(binding) else { return }
        try record([.acl(ACLRecord(binding))])
        self.authorizer?.insert(binding)
    }

    private func record(_ records: [ClusterRecord]) throws(AdminRefusal) {
        do throws(BrokerError) { try commit(records) } catch { throw AdminRefusal(.kafkaStorageError, "\(error)") }
    }

    private func binding(_ creation: CreateAclsRequest.AclCreation) throws(AdminRefusal) -> ACLBinding {
        guard authorizer != nil else { throw Self.noAuthorizer }
        func invalid(_ reason: String) -> AdminRefusal { AdminRefusal(.invalidRequest, reason) }
        guard let type = ACLResourceType(rawValue: creation.resourceType) else { throw invalid("Invalid resourceType") }
        guard let patternType = ACLPatternType(rawValue: creation.resourcePatternType) else {
            throw invalid("Invalid patternType")
        }
        guard let operation = ACLOperation(rawValue: creation.operation) else { throw invalid("Invalid operation") }
        guard let permission = ACLPermission(rawValue: creation.permissionType) else {
            throw invalid("Invalid permissionType")
        }
        guard !creation.resourceName.isEmpty else { throw invalid("Invalid empty resource name") }
        guard type != .cluster || creation.resourceName == ACLPattern.clusterName else {
            throw invalid("The only valid name for the CLUSTER resource is kafka-cluster")
        }
        guard Principal(parsing: creation.principal) != nil else {
            throw invalid(
                "Could not parse principal from `\(creation.principal)` (no colon is present separating the principal "
                    + "type from the principal name)")
        }
        return ACLBinding(
            pattern: ACLPattern(type: type, name: creation.resourceName, patternType: patternType),
            principal: creation.principal, host: creation.host, operation: operation, permission: permission)
    }

    func describeACLs(_ request: DescribeAclsRequest, _ context: RequestContext) -> DescribeAclsResponse {
        do throws(AdminRefusal) {
            guard let authorizer else { throw Self.noAuthorizer }
            let filter = try ACLFilter(
                type: request.resourceTypeFilter, name: request.resourceNameFilter,
                patternType: request.patternTypeFilter, principal: request.principalFilter, host: request.hostFilter,
                operation: request.operation, permission: request.permissionType)
            var response = DescribeAclsResponse()
            response.errorMessage = nil
            for binding in authorizer.matching(filter) {
                var acl = DescribeAclsResponse.AclDescription()
                acl.principal = binding.principal
                acl.host = binding.host
                acl.operation = binding.operation.rawValue
                acl.permissionType = binding.permission.rawValue
                if let last = response.resources.last, last.isFor(binding.pattern) {
                    response.resources[response.resources.count - 1].acls.append(acl)
                } else {
                    var resource = DescribeAclsResponse.DescribeAclsResource()
                    resource.resourceType = binding.pattern.type.rawValue
                    resource.resourceName = binding.pattern.name
                    resource.patternType = binding.pattern.patternType.rawValue
                    resource.acls = [acl]
                    response.resources.append(resource)
                }
            }
            return response
        } catch {
            return request.refused(error)
        }
    }

    func deleteACLs(_ request: DeleteAclsRequest, _ context: RequestContext) -> DeleteAclsResponse {
        var response = DeleteAclsResponse()
        // All filters see what is there before the first deletion.
        let present = authorizer
        response.filterResults = request.filters.map { filter in
            var result = DeleteAclsResponse.DeleteAclsFilterResult()
            result.errorMessage = nil
            do throws(AdminRefusal) {
                guard let present else { throw Self.noAuthorizer }
                let doomed = present.matching(
                    try ACLFilter(
                        type: filter.resourceTypeFilter, name: filter.resourceNameFilter,
                        patternType: filter.patternTypeFilter, principal: filter.principalFilter,
                        host: filter.hostFilter, operation: filter.operation, permission: filter.permissionType))
                let remaining = doomed.filter { authorizer?.contains($0) ?? false }
                try record(remaining.map { .acl(ACLRecord($0, isDeleted: true)) })
                for binding in remaining { authorizer?.remove(binding) }
                result.matchingACLs = doomed.map { binding in
                    var acl = DeleteAclsResponse.DeleteAclsMatchingAcl()
                    acl.errorMessage = nil
                    acl.resourceType = binding.pattern.type.rawValue
                    acl.resourceName = binding.pattern.name
                    acl.patternType = binding.pattern.patternType.rawValue
                    acl.principal = binding.principal
                    acl.host = binding.host
                    acl.operation = binding.operation.rawValue
                    acl.permissionType = binding.permission.rawValue
                    return acl
                }
            } catch {
                result.errorCode = error.code
                result.errorMessage = error.message
            }
            return result
        }
        return response
    }
}

extension DescribeAclsResponse.DescribeAclsResource {
    fileprivate func isFor(_ pattern: ACLPattern) -> Bool {
        resourceType == pattern.type.rawValue && resourceName == pattern.name
            && patternType == pattern.patternType.rawValue
    }
}
