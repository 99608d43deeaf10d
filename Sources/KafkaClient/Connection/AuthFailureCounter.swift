import Metrics

/// `<prefix>_auth_errors_total{cluster}`: attempts to get into a cluster that failed because of who we are, or who
/// the cluster is. There from the start, so that it can be watched before anything has gone wrong.
struct AuthFailureCounter: Sendable {
    private let counter: Counter

    init(_ settings: ClusterSettings) {
        counter = Counter(
            label: "\(settings.identity.metricsPrefix)_auth_errors_total", dimensions: [("cluster", settings.name)])
    }

    /// Counts a failure if it is one of these.
    func count(_ reason: KafkaError.Reason, during operation: Operation) {
        if KafkaError.isAuthenticationFailure(reason, during: operation) { counter.increment() }
    }
}
