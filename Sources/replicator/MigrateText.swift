internal import FoundationEssentials
internal import Replication

/// What `migrate` prints.
enum MigrateText {
    private struct Document: Codable {
        var isComplete: Bool
        var migration: MigrationReport
    }

    static func json(_ report: MigrationReport) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(Document(isComplete: report.isComplete, migration: report)) else {
            return "{}"
        }
        return String(decoding: data, as: UTF8.self)
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
