/// Finding of the doctor: the fact, why it matters, and the remedy.
public struct Finding: Sendable, Hashable, Codable {
    public enum Severity: String, Sendable, Hashable, Codable, CaseIterable {
        case ok
        /// It works, worse or less than it could.
        case warning
        /// The flow, or a part of it, will not work.
        case error
    }

    public var severity: Severity
    /// Kind of the check, such as `reachability` or `permissions`.
    public var check: String
    /// Cluster, broker or topic.
    public var subject: String
    public var what: String
    /// Empty when all is well.
    public var why: String
    public var remedy: String

    init(
        _ severity: Severity, _ check: String, _ subject: String, _ what: String, why: String = "", remedy: String = ""
    ) {
        self.severity = severity
        self.check = check
        self.subject = subject
        self.what = what
        self.why = why
        self.remedy = remedy
    }
}

/// Findings about one flow.
public struct Diagnosis: Sendable, Codable {
    public var flow: String
    public var source: String
    public var target: String
    public var findings: [Finding]

    public var isHealthy: Bool { !findings.contains { $0.severity == .error } }
}

extension [Finding] {
    /// At most `limit` findings of one kind about as many topics; the rest is summed up.
    func bounded(_ limit: Int, check: String) -> [Finding] {
        guard count > limit else { return self }
        let left = dropFirst(limit)
        let worst: Finding.Severity = left.contains { $0.severity == .error } ? .error : .warning
        let subjects = left.prefix(5).map(\.subject).joined(separator: ", ")
        return prefix(limit) + [
            Finding(
                worst, check, "\(left.count) more", "the same kind of finding about \(subjects)…",
                why: "only the first \(limit) are shown in full", remedy: "mend those, and look again")
        ]
    }
}
