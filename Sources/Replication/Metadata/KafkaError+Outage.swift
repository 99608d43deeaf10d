package import KafkaClient

extension KafkaError {
    /// True if a cluster gave no answer that is about what was asked: it cannot be reached, is silent, or has no leader
    /// or coordinator for it now.
    package var isOutage: Bool {
        switch reason {
        case .connection, .timedOut, .wire, .credentialsUnavailable, .closed, .authentication, .foreignCluster: true
        case .broker:
            switch remedy {
            case .retry, .refreshMetadata, .findCoordinator, .reauthenticate: true
            case .renewProducer, .skipPartition, .stop: false
            }
        case .unsupported, .unexpectedAnswer, .configuration, .cancelled: false
        }
    }
}
