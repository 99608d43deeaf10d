public import KafkaWire

/// The remedy for an error.
public enum Remedy: Hashable, Sendable {
    /// The same again, after a pause.
    case retry
    /// Ask again who leads or controls, then retry.
    case refreshMetadata
    /// Ask again who coordinates the group or transactional id, then retry.
    case findCoordinator
    /// Connect and authenticate again, then retry.
    case reauthenticate
    /// The producer's id or epoch is of no use any more: get another.
    case renewProducer
    /// Nothing will help this partition until an operator acts; the others can continue.
    case skipPartition
    /// Nothing will help until an operator acts.
    case stop
}

/// Recovery depends on the code and on the request that met it, so both are arguments: an unknown topic is about to
/// appear when producing, and simply not there when deleting.
public func remedy(for code: ErrorCode, during api: ApiKey) -> Remedy {
    if let special = exceptions[api]?[code] { return special }
    if let usual = usualRemedies[code] { return usual }
    if code.isRetriable { return .retry }
    return partitionRequests.contains(api) ? .skipPartition : .stop
}

/// Requests that answer for each partition, so that one partition's failure is its own.
private let partitionRequests: Set<ApiKey> = [
    .produce, .fetch, .listOffsets, .offsetForLeaderEpoch, .deleteRecords, .describeProducers,
]

private let usualRemedies: [ErrorCode: Remedy] = [
    .notLeaderOrFollower: .refreshMetadata,
    .leaderNotAvailable: .refreshMetadata,
    .replicaNotAvailable: .refreshMetadata,
    .brokerNotAvailable: .refreshMetadata,
    .fencedLeaderEpoch: .refreshMetadata,
    .newLeaderElected: .refreshMetadata,
    .kafkaStorageError: .refreshMetadata,
    .listenerNotFound: .refreshMetadata,
    .networkException: .refreshMetadata,
    .notController: .refreshMetadata,
    .unknownTopicOrPartition: .refreshMetadata,
    .unknownTopicID: .refreshMetadata,
    .inconsistentTopicID: .refreshMetadata,
    .rebootstrapRequired: .refreshMetadata,

    .notCoordinator: .findCoordinator,
    .coordinatorNotAvailable: .findCoordinator,

    .illegalSaslState: .reauthenticate,
    .delegationTokenExpired: .reauthenticate,

    .outOfOrderSequenceNumber: .renewProducer,
    .unknownProducerID: .renewProducer,
    .invalidProducerEpoch: .renewProducer,
    .invalidProducerIDMapping: .renewProducer,

    .clusterAuthorizationFailed: .stop,
    .saslAuthenticationFailed: .stop,
    .unsupportedSaslMechanism: .stop,
    .unsupportedVersion: .stop,
    .invalidRequiredAcks: .stop,
    .producerFenced: .stop,
]

private let exceptions: [ApiKey: [ErrorCode: Remedy]] = [
    // A broker's own mishap while reading; it usually passes, and no consumer gives up on it.
    .fetch: [.unknownServerError: .retry],
    .findCoordinator: [.coordinatorNotAvailable: .retry],
    // Here the topic is what the request is about: that it is not there is the answer.
    .deleteTopics: [.unknownTopicOrPartition: .stop, .unknownTopicID: .stop],
    .createPartitions: [.unknownTopicOrPartition: .stop],
    .describeConfigs: [.unknownTopicOrPartition: .stop],
    .alterConfigs: [.unknownTopicOrPartition: .stop],
    .incrementalAlterConfigs: [.unknownTopicOrPartition: .stop],
    .offsetCommit: [.unknownTopicOrPartition: .stop, .unknownTopicID: .stop],
    .offsetDelete: [.unknownTopicOrPartition: .stop],
    .alterShareGroupOffsets: [.unknownTopicOrPartition: .stop],
    // A reassignment is a state, not an outage: the request is refused as long as it lasts.
    .createTopics: [.topicAlreadyExists: .stop],
]

extension KafkaError {
    /// The remedy for this error.
    public var remedy: Remedy {
        switch reason {
        case .broker(let code, _):
            switch operation {
            case .request(let api): KafkaClient.remedy(for: code, during: api)
            case .authenticate: code.isRetriable ? .retry : .stop
            case .connect: .retry
            }
        case .connection(.tls), .authentication, .unsupported, .configuration, .foreignCluster, .closed, .cancelled:
            .stop
        case .connection(.unknownBroker): .refreshMetadata
        case .connection(.nobodyInCharge): .refreshMetadata
        case .connection(.refused), .connection(.unreachable), .connection(.connectTimedOut),
            .connection(.nameNotResolved):
            .refreshMetadata
        case .connection: .refreshMetadata
        case .timedOut, .wire, .unexpectedAnswer, .credentialsUnavailable: .retry
        }
    }

    /// True if trying again, perhaps elsewhere, can succeed without anybody acting.
    public var isRetriable: Bool {
        switch remedy {
        case .retry, .refreshMetadata, .findCoordinator, .reauthenticate: true
        case .renewProducer, .skipPartition, .stop: false
        }
    }
}
