import KafkaWire

// What records, offsets and metadata need: Produce WRITE, Fetch and DescribeProducers READ, ListOffsets and
// OffsetForLeaderEpoch DESCRIBE, DeleteRecords DELETE on the topic. Fetch looks at its partitions one by one itself,
// since most of them are in its session and not in the request.

extension ProduceRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<ProduceResponse> {
        let caller = context.caller
        if let transactionalID, !caller.may(.write, .transactionalID, transactionalID) {
            return .refused(refused(.transactionalIDAuthorizationFailed))
        }
        let denied = caller.extract(from: &topicData, unless: .write, on: .topic) {
            context.cluster.name(of: $0.name, $0.topicID)
        }
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.topicData = denied
        let answer = rest.refused(.topicAuthorizationFailed).responses
        return .part { $0.responses += answer }
    }
}

extension FetchRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<FetchResponse> {
        guard replicaID < 0 && replicaState.replicaID < 0 || context.caller.may(.clusterAction) else {
            return .refused(refused(.clusterAuthorizationFailed))
        }
        return .whole
    }
}

extension ListOffsetsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<ListOffsetsResponse> {
        let denied = context.caller.extract(from: &topics, unless: .describe, on: .topic, \.name)
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.topics = denied
        let answer = rest.refused(.topicAuthorizationFailed).topics
        return .part { $0.topics += answer }
    }
}

extension OffsetForLeaderEpochRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<OffsetForLeaderEpochResponse> {
        guard !context.caller.may(.clusterAction) else { return .whole }
        let denied = context.caller.extract(from: &topics, unless: .describe, on: .topic, \.topic)
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.topics = denied
        let answer = rest.refused(.topicAuthorizationFailed).topics
        return .part { $0.topics += answer }
    }
}

extension DeleteRecordsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<DeleteRecordsResponse> {
        let denied = context.caller.extract(from: &topics, unless: .delete, on: .topic, \.name)
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.topics = denied
        let answer = rest.refused(.topicAuthorizationFailed).topics
        return .part { $0.topics += answer }
    }
}

extension DescribeProducersRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<DescribeProducersResponse> {
        let denied = context.caller.extract(from: &topics, unless: .read, on: .topic, \.name)
        guard !denied.isEmpty else { return .whole }
        var rest = self
        rest.topics = denied
        let answer = rest.refused(.topicAuthorizationFailed).topics
        return .part { $0.topics += answer }
    }
}

extension Cluster {
    /// The name of a topic that goes by name or id; nil for an unknown id.
    func name(of name: String?, _ id: KafkaUUID) -> String? {
        id == .zero ? name ?? "" : topicsByID[id]?.name
    }
}
