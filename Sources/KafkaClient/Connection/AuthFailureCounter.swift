import Metrics

/// `replicator_auth_errors_total{cluster}`: attempts to get into a cluster that failed because of who we are, or who
/// the cluster is. There from the start, so that it can be watched before anything has gone wrong.
struct AuthFailureCounter: Sendable {
    private let counter: Counter

    init(cluster: String) {
        counter = Counter(label: "replicator_auth_errors_total", dimensions: [("cluster", cluster)])
    }

    /// Counts a failure if it is one of these.
    func count(_ reason: KafkaError.Reason, during operation: Operation) {
        if KafkaError.isAuthenticationFailure(reason, during: operation) { counter.increment() }
    }
}
