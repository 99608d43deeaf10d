internal import Replication

/// What `migrate` prints.
enum MigrateText {
    struct Document: Codable {
        var isComplete: Bool
        var migration: MigrationReport

        init(_ report: MigrationReport) {
            isComplete = report.isComplete
            migration = report
        }
    }

    static func text(_ report: MigrationReport) -> String {
        var lines = [
            "\(report.flow): \(report.source) -> \(report.target): \(report.phase.rawValue) after "
                + "\(Int(report.seconds.rounded())) s",
            "  \(report.topics) topics, \(report.partitions) partitions, \(report.copiedOffsets) offsets copied in this run",
        ]
        lines += report.groupsNotInStep.map { "  group not in step: \($0)" }
        if let verification = report.verification { lines.append(VerifyDocument(flows: [verification]).text) }
        return lines.joined(separator: "\n")
    }
}
