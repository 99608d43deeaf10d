/// The name and version under which a program presents itself to brokers and services.
///
/// Brokers see them in ApiVersions (KIP-511) and count connections by them; AWS sees them as the user agent.
public struct ClientIdentity: Sendable, Hashable {
    /// The software's name: letters and digits, with `-` and `.` between them, or brokers refuse it.
    public var name: String
    /// The software's version, of the same characters.
    public var version: String
    /// The first part of the names of the client's metrics, as in `<prefix>_auth_errors_total`.
    public var metricsPrefix: String

    public init(
        name: String = "swift-kafka-client", version: String = "unknown", metricsPrefix: String = "kafka_client"
    ) {
        self.name = name
        self.version = version
        self.metricsPrefix = metricsPrefix
    }

    /// `name/version`, as HTTP has it.
    package var userAgent: String { "\(name)/\(version)" }
}
