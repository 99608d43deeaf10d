internal import Observability
internal import PlainText
internal import ReplicationTools

/// Text that `migrate` prints for people.
enum MigrateText {
    struct Document: Codable {
        var isComplete: Bool
        var migration: MigrationReport
        /// The program that has migrated, and when it was done.
        var version = Replicator.version
        var time = LocalTime.now.utc

        init(_ report: MigrationReport) {
            isComplete = report.isComplete
            migration = report
        }
    }

    static func text(_ report: MigrationReport) -> String {
        var lines = [
            "\(report.flow): \(report.source) -> \(report.target): \(report.phase.rawValue) after "
                + "\(Int(report.seconds.rounded())) s",
            "  \(report.topics.counted("topic")), \(report.partitions.counted("partition")), "
                + "\(report.copiedOffsets.counted("offset")) copied in this run",
        ]
        var copied =
            "  \(Quantities.count(report.copiedRecords)) records, \(Quantities.bytes(Double(report.copiedBytes))) copied in this run"
        if let bytes = report.sourceBytes {
            copied += "; \(report.source) holds \(Quantities.bytes(Double(bytes)))"
        }
        if report.tieredOffsets > 0 {
            copied += "; \(Quantities.count(report.tieredOffsets)) offsets lie in \(report.source)'s tiered storage"
        }
        lines.append(copied)
        for (reason, count) in report.skippedOffsets.sorted(by: { $0.key < $1.key }) where count > 0 {
            lines.append("  \(Quantities.count(count)) offsets without a record on the target: \(reason)")
        }
        if report.writtenAfterCutOver > 0 {
            lines.append(
                "  \(report.source) was written to after the cut-over: \(Quantities.count(report.writtenAfterCutOver)) "
                    + "offsets are not copied; stop the producers and run migrate again")
        }
        lines += report.groupsNotInStep.map {
            "  group not in step\(report.leavesGroups ? ", as accepted with --leave-groups" : ""): \($0)"
        }
        lines += report.groupsNotCarried.map { "  group \($0)" }
        lines += report.goneOnTarget.map { "  copies are gone: \($0)" }
        lines += accounts(report)
        if let verification = report.verification { lines.append(VerifyDocument(flows: [verification]).text) }
        return lines.joined(separator: "\n")
    }

    /// Lists what has become of everything that was selected.
    private static func accounts(_ report: MigrationReport) -> [String] {
        guard !report.accounts.isEmpty else { return [] }
        let left = report.accounts.filter(\.isLeft)
        let count = report.accounts.count { $0.state == .complete }
        let complete = count == 1 ? "1 selected partition is complete" : "\(count) selected partitions are complete"
        let summary = left.isEmpty ? "nothing is left on \(report.source): \(complete)" : "\(complete), these are not:"
        return
            ([summary] + (left.isEmpty ? [] : AccountTable(left).lines.map { "  " + $0 })
            + AccountTable.excluded(report.accounts)).map { "  " + $0 }
    }

    /// Texts behind the progress bar, the most important first.
    static func details(_ progress: MigrationProgress) -> [String] {
        if let waitsFor = progress.waitsFor { return [waitsFor] }
        var parts = ["\(Quantities.count(progress.passed)) of \(Quantities.count(progress.total)) offsets"]
        if let bytes = progress.bytesPerSecond { parts.append("\(Quantities.bytes(bytes))/s") }
        if let seconds = progress.secondsLeft, progress.phase != .following {
            parts.append("\(Quantities.seconds(seconds)) left")
        }
        parts.append("\(Quantities.count(progress.records)) records")
        parts.append(
            Quantities.bytes(Double(progress.bytes))
                + (progress.sourceBytes.map { " of \(Quantities.bytes(Double($0)))" } ?? ""))
        if let records = progress.recordsPerSecond { parts.append("\(Quantities.count(Int64(records))) records/s") }
        return parts
    }
}
