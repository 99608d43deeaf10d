import KafkaWire

// What changing topics and configurations needs. CREATE and DELETE on the cluster stand for all topics; configurations
// of nodes are the cluster's.

extension CreateTopicsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<CreateTopicsResponse> {
        let caller = context.caller
        guard caller.isRestricted else { return .whole }
        let denied = caller.may(.create) ? [] : caller.extract(from: &topics, unless: .create, on: .topic, \.name)
        var rest = self
        rest.topics = denied
        var answer = rest.refused(.topicAuthorizationFailed).topics
        for index in answer.indices { answer[index].errorMessage = "Authorization failed." }
        return .part { response in
            for index in response.topics.indices where response.topics[index].errorCode == .none {
                guard !caller.may(.describeConfigs, .topic, response.topics[index].name) else { continue }
                response.topics[index].topicConfigErrorCode = .topicAuthorizationFailed
                response.topics[index].numPartitions = -1
                response.topics[index].replicationFactor = -1
                response.topics[index].configs = nil
            }
            response.topics += answer
        }
    }
}

extension DeleteTopicsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<DeleteTopicsResponse> {
        let caller = context.caller
        guard caller.isRestricted, !caller.may(.delete) else { return .whole }
        let cluster = context.cluster
        let deniedNames = caller.extract(from: &topicNames, unless: .delete, on: .topic) { $0 }
        let denied = caller.extract(from: &topics, unless: .delete, on: .topic) {
            cluster.name(of: $0.name, $0.topicID)
        }
        guard !denied.isEmpty || !deniedNames.isEmpty else { return .whole }
        var rest = self
        rest.topicNames = deniedNames
        rest.topics = denied
        var answer = rest.refused(.topicAuthorizationFailed).responses
        // A caller that may describe the topic is told its name.
        for index in answer.indices {
            guard let name = cluster.topicsByID[answer[index].topicID]?.name else { continue }
            if caller.may(.describe, .topic, name) { answer[index].name = name }
        }
        return .part { $0.responses += answer }
    }
}

extension CreatePartitionsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<CreatePartitionsResponse> {
        let denied = context.caller.extract(from: &topics, unless: .alter, on: .topic, \.name)
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.topics = denied
        let answer = rest.refused(.topicAuthorizationFailed).results
        return .part { $0.results += answer }
    }
}

extension Caller {
    /// The reason why the configuration of a resource is out of reach; nil when it is not.
    fileprivate func configRefusal(_ operation: ACLOperation, _ type: Int8, _ name: String) -> ErrorCode? {
        switch ConfigResource(rawValue: type) {
        case .topic: may(operation, .topic, name) ? nil : .topicAuthorizationFailed
        case .broker: may(operation) ? nil : .clusterAuthorizationFailed
        case .group: may(operation, .group, name) ? nil : .groupAuthorizationFailed
        // Refused by the handler, whoever asks.
        case nil: nil
        }
    }
}

extension DescribeConfigsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<DescribeConfigsResponse> {
        let caller = context.caller
        func refusal(_ resource: DescribeConfigsResource) -> ErrorCode? {
            caller.configRefusal(.describeConfigs, resource.resourceType, resource.resourceName)
        }
        let denied = resources.extract { refusal($0) != nil }
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.resources = denied
        var answer = rest.refused(.topicAuthorizationFailed).results
        for (index, resource) in denied.enumerated() { answer[index].errorCode = refusal(resource) ?? .none }
        return .part { [answer] in $0.results += answer }
    }
}

extension AlterConfigsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<AlterConfigsResponse> {
        let caller = context.caller
        func refusal(_ resource: AlterConfigsResource) -> ErrorCode? {
            caller.configRefusal(.alterConfigs, resource.resourceType, resource.resourceName)
        }
        let denied = resources.extract { refusal($0) != nil }
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.resources = denied
        var answer = rest.refused(.topicAuthorizationFailed).responses
        for (index, resource) in denied.enumerated() { answer[index].errorCode = refusal(resource) ?? .none }
        return .part { [answer] in $0.responses += answer }
    }
}

extension IncrementalAlterConfigsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<IncrementalAlterConfigsResponse> {
        let caller = context.caller
        func refusal(_ resource: AlterConfigsResource) -> ErrorCode? {
            caller.configRefusal(.alterConfigs, resource.resourceType, resource.resourceName)
        }
        let denied = resources.extract { refusal($0) != nil }
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.resources = denied
        var answer = rest.refused(.topicAuthorizationFailed).responses
        for (index, resource) in denied.enumerated() { answer[index].errorCode = refusal(resource) ?? .none }
        return .part { [answer] in $0.responses += answer }
    }
}

extension ElectLeadersRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<ElectLeadersResponse> {
        context.caller.may(.alter) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension AlterPartitionReassignmentsRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<AlterPartitionReassignmentsResponse> {
        guard !context.caller.may(.alter) else { return .whole }
        var response = AlterPartitionReassignmentsResponse()
        response.errorCode = .clusterAuthorizationFailed
        response.errorMessage = nil
        return .refused(response)
    }
}

extension ListPartitionReassignmentsRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<ListPartitionReassignmentsResponse> {
        guard !context.caller.may(.describe) else { return .whole }
        var response = ListPartitionReassignmentsResponse()
        response.errorCode = .clusterAuthorizationFailed
        response.errorMessage = nil
        return .refused(response)
    }
}
