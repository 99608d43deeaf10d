/// Health of a cluster as of the last poll.
package struct ClusterHealth: Sendable, Codable {
    package var name: String
    /// Nil before the first poll has ended.
    package var isUp: Bool?
    package var clusterID: String?
    package var brokers: Int?
    /// Error of the last poll; nil when the cluster answered.
    package var error: String?
    /// Milliseconds since 1970; when the last poll ended.
    package var seenAt: Int64?

    package init(name: String) {
        self.name = name
    }
}
