internal import ArgumentParser
internal import FoundationEssentials
internal import Logging
internal import NIOCore
internal import PlainText
internal import Replication
internal import ReplicationTools

/// `replicator offsets`: the positions of a consumer group on both clusters.
struct OffsetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offsets",
        abstract: "Show a consumer group's offsets on both clusters, and compare the records there.",
        discussion: """
            Shows for each partition the group's offset at the source, the same place on the target, the offset that \
            the group has committed there, the lag on both sides, and whether the next record is the same on both.

            Changes nothing unless --apply is given; then the group must have no members on the target. --allow-rewind \
            also sets back positions that are further on the target, or beyond the copies there.

            Exit codes: 0 every offset has an exact counterpart, no record that can be read on both sides differs, no \
            position is beyond the copies on the target, and with --apply the group is at least as far on the target as \
            at the source; 1 one of these is not so; 2 wrong usage or configuration.
            """)

    @OptionGroup var common: ConfigurationOptions

    @Option(name: .long, help: ArgumentHelp("The consumer group.", valueName: "GROUP"))
    var group: String

    @Option(name: .long, help: ArgumentHelp("Only this source topic; may be given more than once.", valueName: "NAME"))
    var topic: [String] = []

    @Flag(name: .long, help: "Commit the translated offsets on the target, forward only.")
    var apply = false

    @Flag(name: .long, help: "With --apply: also set back a group that has read further on the target.")
    var allowRewind = false

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func validate() throws {
        if allowRewind, !apply { throw ValidationError("--allow-rewind has no effect without --apply") }
    }

    func run() async throws {
        let flows = try common.select(from: common.load())
        for topic in topic {
            let rules = flows.compactMap { $0.exclusion(of: topic) }
            guard let rule = rules.first, rules.count == flows.count else { continue }
            throw Failure("topic \"\(topic.printable())\" is never copied: \(rule)", exitCode: .usage)
        }
        let logger = LoggingOptions.logger("replicator", from: .error)
        let reports = try await EventLoops.with(1, for: "offsets") { loops in
            var reports: [OffsetReport] = []
            for settings in flows {
                let inspector = OffsetInspector(settings, eventLoop: loops[0], logger: logger)
                do {
                    let report = try await inspector.inspect(
                        group: group, topics: topic.isEmpty ? nil : Set(topic), action: action)
                    if let report { reports.append(report) }
                } catch {
                    await inspector.close()
                    throw error
                }
                await inspector.close()
            }
            return reports
        }
        guard !reports.isEmpty else {
            throw Failure(
                "group \"\(group)\" has committed no offsets in topics that the flows copy, "
                    + "consumerGroups leaves it out, or the flow has never run")
        }
        if json {
            StandardOutput.write(try JSONText.pretty(["groups": reports]))
        } else {
            StandardOutput.say(OffsetTable(JSONText.printable(reports)).text)
        }
        Replicator.complain(reports.compactMap { advice(on: $0) })
        guard reports.allSatisfy(\.isExact) else {
            throw Failure("not every offset has an exact counterpart on the target yet, see above")
        }
        guard apply else { return }
        try checkApplied(reports.flatMap(\.partitions))
    }

    /// Names what was to be committed and is not.
    private func checkApplied(_ partitions: [OffsetReport.Partition]) throws {
        let further = partitions.filter { $0.state == .further }
        if !allowRewind, !further.isEmpty, !json {
            StandardOutput.say(
                "\(further.count) positions are further on the target, and were left alone: --allow-rewind sets them back"
            )
        }
        let open = partitions.filter { $0.state != .synced && (allowRewind || $0.state != .further) }
        guard let first = open.first else { return }
        throw Failure(
            "\(open.count) positions were not committed: \(first.topic)-\(first.partition) is \(first.state)"
                + (first.state == .activeMembers ? ": stop the group's consumers on the target" : ""))
    }

    /// The way to commit what --apply has left alone.
    private func advice(on report: OffsetReport) -> String? {
        guard apply, !allowRewind else { return nil }
        let further = report.partitions.filter { $0.state == .further }.count
        guard further > 0 else { return nil }
        return "note: group \(report.targetGroup) has read further on the target in "
            + "\(further.counted("partition")), which --apply leaves alone; add --allow-rewind to commit there too"
    }

    private var action: OffsetInspector.Action {
        guard apply else { return .look }
        return allowRewind ? .applyAndRewind : .apply
    }
}
