internal import KafkaClient
internal import PlainText
internal import Replication
internal import ReplicationTools

/// Text that `failover` prints for people.
struct FailoverText {
    private let settings: FlowSettings
    private let opposite: FlowSettings?
    private let options: FailoverOptions

    /// - Parameter opposite: the flow that brings records back, if there is one.
    init(_ settings: FlowSettings, opposite: FlowSettings?, options: FailoverOptions) {
        self.settings = settings
        self.opposite = opposite
        self.options = options
    }

    /// A line for what happens; the steps are counted.
    func line(_ event: FailoverEvent) -> String {
        let steps = FailoverStep.steps(of: options.kind)
        switch event {
        case .begins(let step):
            let place = steps.firstIndex(of: step).map { "[\($0 + 1)/\(steps.count)] " } ?? ""
            return "\(place)\(step.rawValue): \(purpose(of: step))"
        case .note(let text): return "      \(text)"
        case .ended(let step):
            // The failure is reported once, at the end.
            guard step.outcome != .failed else { return "      failed after \(Self.seconds(step.seconds))" }
            let time = step.outcome == .done ? " (\(Self.seconds(step.seconds)))" : ""
            return "      \(step.outcome == .planned ? "found" : step.outcome.rawValue): \(step.text)\(time)"
        }
    }

    /// Tells what a step is about to do.
    private func purpose(of step: FailoverStep) -> String {
        let from = settings.source.name
        let to = settings.target.name
        switch step {
        case .preflight:
            return options.kind == .planned
                ? "Check that \(from), \(to) and flow \(settings.name) are in order."
                : "Check whether \(to) can take over, and whether \(from) answers."
        case .fence:
            guard !options.fence.isEmpty else { return "No producer is kept out: stop the producers yourself." }
            let principals = options.fence.joined(separator: ", ")
            return "Keep \(principals) from writing to the flow's topics on \(from) (DENY WRITE)."
        case .quiesce:
            return "Wait until nothing has been written to \(from) for \(options.still / .seconds(1)) s."
        case .drain: return "Wait until everything on \(from) is on \(to)."
        case .snapshot: return "Note how far each partition had come on \(to) when \(from) was lost."
        case .groups:
            return options.kind == .planned
                ? "Commit the position of every consumer group on \(to), at the same record as on \(from)."
                : "Check that no consumer group is beyond the records that \(to) has."
        case .verify: return "Compare the last \(options.comparedRecords.counted("record")) of every partition."
        case .prepareFailback:
            guard let opposite else { return "There is no flow from \(to) back to \(from)." }
            return "Prepare flow \(opposite.name) to begin with the records that are new on \(to)."
        case .unfence: return "Let producers write to \(to), where an earlier failover kept them out."
        case .complete: return "Note that \(to) has taken over."
        }
    }

    /// Tells what there is to do now.
    static func summary(_ report: FailoverReport, _ settings: FlowSettings, config: String) -> String {
        var lines = [""]
        let notCarried = report.groupsNotCarried.map { "Group \($0)." }
        guard !report.isDryRun else { return (lines + notCarried + ["Nothing was changed."]).joined(separator: "\n") }
        lines.append("\(report.target) has taken over from \(report.source) (\(seconds(report.seconds))).")
        lines += tail(report, config: config)
        lines += notCarried
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

    /// Lists what the source alone has, and what has become of everything that was selected.
    static func tail(_ report: FailoverReport, config: String) -> [String] {
        let unknown = report.accounts.filter { $0.state == .unknown }
        let left = report.accounts.filter { $0.isLeft && $0.state != .unknown }
        let export = "replicator failover --config \(config) --flow \(report.flow) --tail FILE"
        var lines: [String] = []
        if !unknown.isEmpty {
            lines.append(
                "While \(report.source) does not answer, it is not known which records it alone has, or whether it has "
                    + "topics that were not copied at all. These source offsets and all behind them may be missing:")
            lines += unknown.map { "  \($0.name): \($0.copiedBelow.map { "\($0)" } ?? $0.reason)" }
            lines.append("Once it is back: \(export)")
        }
        if !left.isEmpty {
            let count = left.reduce(0) { $0 + ($1.records ?? 0) }
            lines.append(
                "Left behind on \(report.source): \(count.counted("record")) in \(left.count.counted("place")).")
            lines += AccountTable(left).lines.map { "  " + $0 }
            if report.kind == .unplanned { lines.append("To have them as JSON lines: \(export)") }
        }
        if unknown.isEmpty, left.isEmpty {
            let complete = report.accounts.count { $0.state == .complete }
            lines.append(
                complete == 0
                    ? "Nothing is selected on \(report.source): nothing could be left behind."
                    : "Nothing was left behind on \(report.source): "
                        + (complete == 1
                            ? "1 selected partition is complete." : "\(complete) selected partitions are complete."))
        }
        return lines + AccountTable.excluded(report.accounts)
    }

    private static func seconds(_ value: Double) -> String {
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
