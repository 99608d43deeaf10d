/// Cleanup of a topic's log, as `cleanup.policy` says.
package enum CleanupPolicy: Hashable, Sendable {
    case delete
    case compact
    /// Both: compacted, and old segments are deleted.
    case compactAndDelete

    /// - Parameter value: of `cleanup.policy`; nil when the cluster does not tell, which is then taken for Kafka's default.
    package init(_ value: String?) {
        let policies = Set((value ?? "").split(separator: ",").map { $0.drop { $0 == " " } })
        switch (policies.contains("compact"), policies.contains("delete")) {
        case (true, true): self = .compactAndDelete
        case (true, false): self = .compact
        case (false, _): self = .delete
        }
    }
}
