internal import KafkaClient

/// The program's one version: what `--version` prints, and the manual page and packages read; what brokers and services
/// are told; what the status names.
extension Replicator {
    static let version = "0.1.0"
}

extension ClientIdentity {
    /// The program, as brokers and services see it. The prefix of its metrics is part of the contract.
    static let replicator = ClientIdentity(
        name: "replicator", version: Replicator.version, metricsPrefix: "replicator")
}
