import KafkaWire

extension ClusterClient {
    /// All access rules of the cluster.
    ///
    /// - Throws: SECURITY_DISABLED by a cluster without an authorizer; CLUSTER_AUTHORIZATION_FAILED without DESCRIBE on
    ///   the cluster.
    public func accessRules() async throws(KafkaError) -> [AccessRule] {
        try await retrying(during: .describeAcls) { () throws(KafkaError) in
            var request = DescribeAclsRequest()
            request.resourceTypeFilter = AccessRule.ResourceType.any.rawValue
            request.resourceNameFilter = nil
            request.patternTypeFilter = AccessRule.PatternType.any.rawValue
            request.principalFilter = nil
            request.hostFilter = nil
            request.operation = AccessOperation.any.rawValue
            request.permissionType = AccessRule.Permission.any.rawValue
            let response = try await self.send(request, to: .any)
            guard response.errorCode == .none else {
                throw self.error(
                    .broker(response.errorCode, message: response.errorMessage), during: .request(.describeAcls))
            }
            return response.resources.flatMap { resource in
                resource.acls.map { AccessRule(resource, $0) }
            }
        }
    }

    /// Adds access rules, each with its own outcome. One that exists already is a success.
    public func createAccessRules(_ rules: [AccessRule]) async -> Outcomes<AccessRule, Void> {
        await retryingRules(rules, during: .createAcls) { client, rules throws(KafkaError) in
            var request = CreateAclsRequest()
            request.creations = rules.map(CreateAclsRequest.AclCreation.init)
            let response = try await client.send(
                request, to: .controller, versions: client.versions(for: rules), timeout: client.answerTimeout)
            return response.results.map { ($0.errorCode, $0.errorMessage) }
        }
    }

    /// Removes exactly these access rules, each with its own outcome. One that is not there is a success.
    public func deleteAccessRules(_ rules: [AccessRule]) async -> Outcomes<AccessRule, Void> {
        await retryingRules(rules, during: .deleteAcls) { client, rules throws(KafkaError) in
            var request = DeleteAclsRequest()
            request.filters = rules.map(DeleteAclsRequest.DeleteAclsFilter.init)
            let response = try await client.send(
                request, to: .controller, versions: client.versions(for: rules), timeout: client.answerTimeout)
            return response.filterResults.map { result in
                let failed = result.matchingACLs.first { $0.errorCode != .none }
                return (
                    failed?.errorCode ?? result.errorCode, failed.map(\.errorMessage) ?? result.errorMessage
                )
            }
        }
    }

    /// Only literal names can be said in version 0.
    private nonisolated func versions(for rules: [AccessRule]) -> ClosedRange<Int16>? {
        rules.allSatisfy { $0.pattern == .literal } ? nil : 1...3
    }

    /// Answers come in the order of the rules.
    private func retryingRules(
        _ rules: [AccessRule], during api: ApiKey,
        _ ask: (isolated ClusterClient, [AccessRule]) async throws(KafkaError) -> [(ErrorCode, String?)]
    ) async -> Outcomes<AccessRule, Void> {
        await retrying(rules, during: api) { pending, _ in
            var outcomes: Outcomes<AccessRule, Void> = [:]
            do throws(KafkaError) {
                for (rule, (code, message)) in zip(pending, try await ask(self, pending)) {
                    outcomes[rule] = code.outcome((), message: message) { error($0, during: .request(api)) }
                }
            } catch {
                for rule in pending { outcomes[rule] = .failure(error) }
            }
            return outcomes
        }
    }
}

extension AccessRule {
    fileprivate init(
        _ resource: DescribeAclsResponse.DescribeAclsResource, _ rule: DescribeAclsResponse.AclDescription
    ) {
        self.init(
            Permission(rawValue: rule.permissionType), AccessOperation(rawValue: rule.operation),
            on: ResourceType(rawValue: resource.resourceType), resource.resourceName,
            pattern: PatternType(rawValue: resource.patternType), to: rule.principal, from: rule.host)
    }
}

extension CreateAclsRequest.AclCreation {
    fileprivate init(_ rule: AccessRule) {
        self.init()
        resourceType = rule.resource.rawValue
        resourceName = rule.name
        resourcePatternType = rule.pattern.rawValue
        principal = rule.principal
        host = rule.host
        operation = rule.operation.rawValue
        permissionType = rule.permission.rawValue
    }
}

extension DeleteAclsRequest.DeleteAclsFilter {
    fileprivate init(_ rule: AccessRule) {
        self.init()
        resourceTypeFilter = rule.resource.rawValue
        resourceNameFilter = rule.name
        patternTypeFilter = rule.pattern.rawValue
        principalFilter = rule.principal
        hostFilter = rule.host
        operation = rule.operation.rawValue
        permissionType = rule.permission.rawValue
    }
}
