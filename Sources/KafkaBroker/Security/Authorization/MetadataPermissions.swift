import KafkaWire

// What descriptions of the cluster and its topics need. A topic that the caller may not describe is
// TOPIC_AUTHORIZATION_FAILED when it is asked for by name, whether it exists or not, and is left out of lists.
// Authorized operations (KIP-430) are filled in here too.

extension MetadataRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<MetadataResponse> {
        if context.version == 0, topics?.isEmpty == true { topics = nil }
        let caller = context.caller
        let cluster = context.cluster
        var denied: [MetadataResponse.MetadataResponseTopic] = []
        func deny(_ topic: MetadataRequestTopic, showsID: Bool) {
            var entry = MetadataResponse.MetadataResponseTopic()
            entry.name = showsID ? nil : topic.name
            entry.topicID = showsID ? topic.topicID : .zero
            entry.errorCode = .topicAuthorizationFailed
            denied.append(entry)
        }
        let mayCreate = context.version < 4 || allowAutoTopicCreation
        let listsAll = topics == nil
        if caller.isRestricted, var wanted = topics {
            let hidden = caller.extract(from: &wanted, unless: .describe, on: .topic) {
                cluster.name(of: $0.name, $0.topicID)
            }
            for topic in hidden {
                deny(topic, showsID: topic.topicID != .zero)
            }
            if mayCreate, cluster.configs.flag("auto.create.topics.enable"), !caller.may(.create) {
                for topic in wanted.extract(where: { topic in
                    guard topic.topicID == .zero, let name = topic.name else { return false }
                    return cluster.topics.exactly(name) == nil && !caller.may(.create, .topic, name)
                }) {
                    deny(topic, showsID: false)
                }
            }
            topics = wanted
        }
        let wantsTopicOperations = includeTopicAuthorizedOperations
        let wantsClusterOperations = includeClusterAuthorizedOperations
        return .part { response in
            if listsAll, caller.isRestricted {
                response.topics.removeAll { !caller.may(.describe, .topic, $0.name ?? "") }
            }
            if wantsTopicOperations {
                for index in response.topics.indices where response.topics[index].errorCode == .none {
                    response.topics[index].topicAuthorizedOperations =
                        caller.operations(on: .topic, response.topics[index].name ?? "")
                }
            }
            response.topics += denied
            if wantsClusterOperations {
                response.clusterAuthorizedOperations = caller.may(.describe) ? caller.operationsOnCluster : 0
            }
        }
    }
}

extension DescribeClusterRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<DescribeClusterResponse> {
        guard includeClusterAuthorizedOperations else { return .whole }
        let caller = context.caller
        return .part { response in
            guard response.errorCode == .none else { return }
            response.clusterAuthorizedOperations = caller.may(.describe) ? caller.operationsOnCluster : 0
        }
    }
}

extension DescribeTopicPartitionsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<DescribeTopicPartitionsResponse> {
        let caller = context.caller
        let listsAll = topics.isEmpty
        let denied = caller.extract(from: &topics, unless: .describe, on: .topic, \.name)
        var rest = self
        rest.topics = denied
        let answer = denied.isEmpty ? [] : rest.refused(.topicAuthorizationFailed).topics
        guard listsAll || !topics.isEmpty else {
            // No topics would mean all of them.
            return .refused(rest.refused(.topicAuthorizationFailed))
        }
        return .part { response in
            if listsAll { response.topics.removeAll { !caller.may(.describe, .topic, $0.name ?? "") } }
            for index in response.topics.indices where response.topics[index].errorCode == .none {
                response.topics[index].topicAuthorizedOperations =
                    caller.operations(on: .topic, response.topics[index].name ?? "")
            }
            response.topics += answer
        }
    }
}

extension DescribeLogDirsRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<DescribeLogDirsResponse> {
        context.caller.may(.describe) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension AlterReplicaLogDirsRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<AlterReplicaLogDirsResponse> {
        context.caller.may(.alter) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension DescribeQuorumRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<DescribeQuorumResponse> {
        context.caller.may(.describe) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension UpdateFeaturesRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<UpdateFeaturesResponse> {
        context.caller.may(.alter) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension UnregisterBrokerRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<UnregisterBrokerResponse> {
        context.caller.may(.alter) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension ListConfigResourcesRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<ListConfigResourcesResponse> {
        context.caller.may(.describeConfigs) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension ApiVersionsRequest: UnrestrictedRequest {}
extension SaslHandshakeRequest: UnrestrictedRequest {}
extension SaslAuthenticateRequest: UnrestrictedRequest {}

// Who may have tokens depends on how the caller was authenticated: their handler looks at it.
extension CreateDelegationTokenRequest: UnrestrictedRequest {}
extension RenewDelegationTokenRequest: UnrestrictedRequest {}
extension ExpireDelegationTokenRequest: UnrestrictedRequest {}
extension DescribeDelegationTokenRequest: UnrestrictedRequest {}
