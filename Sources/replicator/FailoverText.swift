internal import KafkaClient
internal import Replication
internal import ReplicationTools

/// What `failover` prints for people.
enum FailoverText {
    /// Lines for what happens; the steps are counted.
    static func lines(_ event: FailoverEvent, kind: FailoverKind) -> String {
        let steps = FailoverStep.steps(of: kind)
        switch event {
        case .begins(let step, let purpose):
            let place = steps.firstIndex(of: step).map { "[\($0 + 1)/\(steps.count)] " } ?? ""
            return "\(place)\(step.rawValue): \(purpose)"
        case .note(let text): return "      \(text)"
        case .ended(let step):
            // What failed is said once, at the end.
            guard step.outcome != .failed else { return "      failed after \(seconds(step.seconds))" }
            let time = step.outcome == .done ? " (\(seconds(step.seconds)))" : ""
            return "      \(step.outcome == .planned ? "found" : step.outcome.rawValue): \(step.text)\(time)"
        }
    }

    /// What there is to do now.
    static func summary(_ report: FailoverReport, _ settings: FlowSettings, config: String) -> String {
        var lines = [""]
        guard !report.isDryRun else { return "\nNothing was changed." }
        lines.append("\(report.target) has taken over from \(report.source) (\(seconds(report.seconds))).")
        lines += tail(report, config: config)
        let addresses = settings.target.bootstrapServers.map(\.description).joined(separator: ",")
        lines.append("Now: start producers and consumers with the addresses of \(report.target), \(addresses).")
        if let opposite = report.opposite {
            lines.append(
                "     Keep flow \(opposite) running, or start it: replicator run --config \(config) --flow \(opposite)")
            lines.append(
                "     To come back, later: replicator failover --planned --config \(config) --flow \(opposite)")
        }
        return lines.joined(separator: "\n")
    }

    /// What the source alone has.
    static func tail(_ report: FailoverReport, config: String) -> [String] {
        guard report.kind == .unplanned else { return [] }
        let unknown = report.tail.filter { $0.records == nil }
        let left = report.tail.filter { ($0.records ?? 0) > 0 }
        let export = "replicator failover --config \(config) --flow \(report.flow) --tail FILE"
        var lines: [String] = []
        if !unknown.isEmpty {
            lines.append(
                "What \(report.source) alone has is not known while it does not answer. These source offsets and all "
                    + "behind them may be missing:")
            lines += unknown.map { "  \($0.topic)-\($0.partition): \($0.copiedBelow)" }
            lines.append("Once it is back: \(export)")
        } else if left.isEmpty {
            lines.append("Nothing was left behind on \(report.source).")
        } else {
            let count = left.reduce(0) { $0 + ($1.records ?? 0) }
            lines.append("Left behind on \(report.source): \(count) records in \(left.count) partitions.")
            lines += left.map {
                "  \($0.topic)-\($0.partition): \($0.records ?? 0) records, source offsets \($0.copiedBelow) to "
                    + "\(($0.sourceEnd ?? 0) - 1)"
            }
            lines.append("To have them as JSON lines: \(export)")
        }
        return lines
    }

    private static func seconds(_ value: Double) -> String {
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
