internal import PlainText
internal import ReplicationTools

/// The report of `adopt` for people.
struct AdoptionText {
    private let report: AdoptionReport
    private let isRehearsal: Bool
    private let config: String

    /// Partitions that are listed one by one.
    private static let shown = 200

    init(_ report: AdoptionReport, isRehearsal: Bool, config: String) {
        self.report = report
        self.isRehearsal = isRehearsal
        self.config = config
    }

    var text: String {
        var table = TextTable([
            "PARTITION": .left, "COPY": .left, "STATE": .left, "CONTINUES AT": .right, "KNOWN FROM": .right,
            "BEHIND": .right, "DOUBLED": .right, "MISSING": .right, "OTHERS": .right, "UNSURE": .right,
            "EVIDENCE": .left,
        ])
        let ordered = report.refused + report.partitions.filter { $0.state != .refused }
        for found in ordered.prefix(Self.shown) {
            table.add([
                found.name, found.targetTopic, Self.state(found), found.position.map { "\($0)" } ?? "-",
                found.knownFrom.map { "\($0)" } ?? "-", "\(found.behind)", "\(found.doubled)", "\(found.missing)",
                "\(found.others)", "\(found.undecided)", Self.evidence(found),
            ])
        }
        let more = report.partitions.count - Self.shown
        let lines = table.lines + (more > 0 ? ["and \(more) more, which --json lists"] : []) + [""]
        return (lines + reasons + [summary] + remarks).joined(separator: "\n")
    }

    private static func state(_ found: PartitionAdoption) -> String {
        switch found.state {
        case .aligned: "certain"
        case .nothingCopied: "no copies"
        case .nothingLeft: "source is empty"
        case .refused: "not certain"
        }
    }

    private static func evidence(_ found: PartitionAdoption) -> String {
        guard found.state == .aligned else { return "-" }
        return "\(found.matched) records (\(found.unique) unique) by \(found.evidence.joined(separator: ", "))"
    }

    private var reasons: [String] {
        report.refused.prefix(Self.shown).map { "\($0.name): \($0.reason ?? "not certain"): \($0.advice ?? "")" }
    }

    private var summary: String {
        let partitions = report.partitions.count.counted("partition")
        let speed = Int64(Double(report.recordsRead) / max(report.seconds, 0.001))
        let read =
            "\(Quantities.count(report.recordsRead)) records read in \(Quantities.seconds(report.seconds)), "
            + "\(Quantities.count(speed))/s"
        if report.isRecorded {
            return "Flow \(report.flow) continues in \(partitions) from here (\(read)). Next: replicator run --config "
                + "\(config.shellQuoted)"
        }
        if report.refused.isEmpty {
            return "Flow \(report.flow) could continue in \(partitions) from here (\(read)); nothing was recorded"
                + (isRehearsal ? " (--dry-run)." : ".")
        }
        return "Nothing was recorded (\(read))."
    }

    private var remarks: [String] {
        var remarks: [String] = []
        let missing = report.partitions.reduce(0) { $0 + $1.missing - ($1.toFill ?? 0) }
        if missing > 0 {
            remarks.append(
                "\(missing.counted("record")) before these positions are not on \(report.target) (never copied, or removed "
                    + "there by compaction), and will not be copied; --json lists their offsets.")
        }
        for found in report.partitions.prefix(Self.shown) {
            guard let reason = found.unfillable else { continue }
            remarks.append("\(found.name): \(found.missing.counted("record")) are not appended to \(reason).")
        }
        let filled = report.partitions.reduce(0) { $0 + $1.filled }
        if filled > 0 {
            remarks.append(
                "\(filled.counted("record")) that the copies lacked were appended behind them on \(report.target), out of "
                    + "place: consumers read them when they come there.")
        }
        let toFill = report.partitions.reduce(0) { $0 + ($1.toFill ?? 0) }
        if toFill > 0 {
            remarks.append(
                "\(toFill.counted("record")) that the copies lack would be appended behind them on \(report.target), out of "
                    + "place; --json lists their offsets.")
        }
        if report.isRecorded {
            remarks.append(
                "No copy came while this was recorded. Whether another replicator still runs cannot be seen: what it "
                    + "copies from now on would be there twice.")
        }
        return remarks
    }
}
