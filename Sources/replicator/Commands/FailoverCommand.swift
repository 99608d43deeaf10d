internal import ArgumentParser
internal import Glibc
internal import KafkaClient
internal import Logging
internal import NIOCore
internal import PlainText
internal import Replication
internal import ReplicationTools
internal import ReplicatorConfig

/// `replicator failover`: has a flow's target take its source's place.
struct FailoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failover",
        abstract: "Have the target of a flow take over from its source, and come back.",
        discussion: """
            --planned keeps producers out of the source (--fence) or waits until they have stopped, copies the rest, \
            commits the positions of every consumer group on the target, compares the last records, and prepares the \
            opposite flow. No record is left behind, and no group reads a record twice. --unplanned does what is \
            possible without the source, and lists the records that only the source has. To come back, fail the \
            opposite flow over.

            It may run beside `replicator run`, which then does the copying; if no process runs the flow, failover \
            runs it. After an interruption or a crash, run it again: it continues. --dry-run says what each step would \
            find, and changes nothing.

            The report accounts for every topic that the flow's expressions name, with its state and the reason. Leave \
            out a topic that can never be complete with topics.deny.

            Exit codes: 0 the target has taken over, and nothing is left behind that was not accepted: after --planned \
            nothing at all, after --unplanned the records that only the source had of partitions that were being \
            copied; 1 it has not, or something else is left behind, and the output says what. With --tail, 0 means \
            that the file holds every record that only the source has. 2 wrong usage or configuration.
            """)

    @OptionGroup var common: OneFlowOptions

    @Flag(name: .long, help: "Both clusters answer: leave no record behind.")
    var planned = false

    @Flag(name: .long, help: "The source is lost, or there is no time to wait for it.")
    var unplanned = false

    @Flag(name: .long, help: "Give producers of the source back what --fence took from them, and forget the failover.")
    var undo = false

    @Option(
        name: .long,
        help: ArgumentHelp("Write the records that an unplanned failover left behind to this file.", valueName: "FILE"))
    var tail: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Keep this principal from writing at the source, as User:NAME; may be given more than once.",
            valueName: "PRINCIPAL"))
    var fence: [String] = []

    @Option(name: .long, help: ArgumentHelp("The flow that brings records back.", valueName: "NAME"))
    var opposite: String?

    @Flag(name: .long, help: "There is no way back: no opposite flow is needed.")
    var oneWay = false

    @Flag(
        name: .long,
        help: "Continue although groups are not on the target where they were at the source, or are beyond it.")
    var leaveGroups = false

    @Option(
        name: .long,
        help: ArgumentHelp("Wait until nothing has been written to the source for this long.", valueName: "SECONDS"))
    var still = 5

    @Option(
        name: .long,
        help: ArgumentHelp("Give up when a step has made no progress for this long.", valueName: "SECONDS"))
    var patience = 60

    @Option(name: .long, help: ArgumentHelp("Compare this many of each partition's last records.", valueName: "N"))
    var compare = 10_000

    @Flag(
        name: .long,
        help: ArgumentHelp(
            "With --unplanned and offsets: preserve, once the source is back: delete its topics that hold what the target never "
                + "got, so that the opposite flow fills them again."))
    var refill = false

    @Flag(name: .long, help: "Say what each step would find and do; change nothing.")
    var dryRun = false

    @Flag(name: .long, help: "Do not ask.")
    var yes = false

    @OptionGroup var reporting: ReportOptions

    func validate() throws {
        let tasks = [planned, unplanned, undo, tail != nil].count { $0 }
        guard tasks == 1 else {
            throw ValidationError("use one of --planned, --unplanned, --undo and --tail FILE")
        }
        guard (1...3600).contains(still) else { throw ValidationError("--still takes 1 to 3600 seconds") }
        guard (1...86_400).contains(patience) else { throw ValidationError("--patience takes 1 to 86400 seconds") }
        guard (0...10_000_000).contains(compare) else { throw ValidationError("--compare takes 0 to 10000000") }
        guard fence.isEmpty || planned else { throw ValidationError("--fence goes with --planned") }
        guard !leaveGroups || planned || unplanned else {
            throw ValidationError("--leave-groups goes with a failover")
        }
        guard !refill || unplanned else { throw ValidationError("--refill goes with --unplanned") }
        guard !dryRun || planned || unplanned else { throw ValidationError("--dry-run goes with a failover") }
        if let odd = fence.first(where: { $0.split(separator: ":", maxSplits: 1).count != 2 }) {
            throw ValidationError("--fence takes a principal such as User:orders, not \(odd)")
        }
        guard !oneWay || opposite == nil else { throw ValidationError("--one-way and --opposite exclude each other") }
    }

    func run() async throws {
        let file = try common.load()
        let settings = try common.select(from: file)
        let opposite = try oppositeFlow(of: settings, in: file)
        try reporting.checkWritable()
        LoggingOptions.bootstrapForPeople(from: .error)
        try await EventLoops.with(for: "failover") { try await act(settings, opposite, $0) }
    }

    /// The flow between the same clusters the other way round, with names of the same kind.
    private func oppositeFlow(of settings: FlowSettings, in file: ConfigFile) throws -> FlowSettings? {
        guard !oneWay else { return nil }
        let found = file.flows.filter { flow in
            flow.source.name == settings.target.name && flow.target.name == settings.source.name
                && (flow.naming == .identical) == (settings.naming == .identical)
        }
        if let opposite {
            if let named = found.first(where: { $0.name == opposite }) { return named }
            throw Failure(
                "failover: \(opposite) is no flow from \(settings.target.name) to \(settings.source.name) with the same "
                    + "naming", exitCode: .usage)
        }
        guard found.count <= 1 else {
            throw Failure(
                "failover: several flows lead back, \(found.map(\.name).joined(separator: ", ")): name one with "
                    + "--opposite", exitCode: .usage)
        }
        guard !found.isEmpty || !planned else {
            throw Failure(
                "failover: \(common.config) has no flow from \(settings.target.name) to \(settings.source.name) with the "
                    + "same naming: nothing would bring back what is written to \(settings.target.name). Add one, or say "
                    + "--one-way", exitCode: .usage)
        }
        return found.first
    }

    private func failover(
        _ settings: FlowSettings, _ opposite: FlowSettings?, _ loops: [any EventLoop]
    ) -> Failover {
        // A tail is that of an unplanned failover; it is waited for, since the source is meant to be back.
        let kind: FailoverKind = unplanned ? .unplanned : .planned
        var options = FailoverOptions(kind: kind)
        options.fence = fence
        options.still = .seconds(still)
        options.patience = .seconds(patience)
        options.comparedRecords = Int64(compare)
        options.leavesGroups = leaveGroups
        options.refills = refill
        let isQuiet = reporting.json
        let text = FailoverText(settings, opposite: opposite, options: options)
        return Failover(
            settings, opposite: opposite, options: options, owner: Operator.process,
            eventLoops: loops, logger: Logger(label: "failover"), wallClock: WallClock.milliseconds
        ) { event in
            guard !isQuiet else { return }
            // A reader of the pipe sees each step before it is done. A step is one line.
            StandardOutput.say(text.line(event).printable(atMost: 8_192))
        }
    }

    private func act(
        _ settings: FlowSettings, _ opposite: FlowSettings?, _ loops: [any EventLoop]
    ) async throws {
        if let tail { return try await export(to: tail, failover(settings, opposite, loops)) }
        let failover = failover(settings, opposite, loops)
        if undo {
            try await failover.undo()
            return try finish(await failover.report, settings)
        }
        if dryRun {
            try await telling(failover) { try await failover.rehearse() }
            return try finish(await failover.report, settings)
        }
        if !yes {
            try await self.failover(settings, opposite, loops).rehearse()
            try Operator.confirm(
                "Have \(settings.target.name) take over from \(settings.source.name)?", for: "failover")
        }
        try await telling(failover) {
            try await Interruption.letting {
                await failover.interrupt()
            } finish: {
                try await failover.run()
            }
        }
        let done = await failover.report
        try finish(done, settings)
        try checkAccepted(done)
    }

    /// Reports also what failed: which step, and what it found.
    private func telling(_ failover: Failover, _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            try write(await failover.report)
            throw error
        }
    }

    private func write(_ done: FailoverReport) throws {
        let document = try reporting.write(done)
        if reporting.json { StandardOutput.write(document) }
    }

    private func finish(_ done: FailoverReport, _ settings: FlowSettings) throws {
        try write(done)
        guard !reporting.json, !undo else { return }
        StandardOutput.say(FailoverText.summary(JSONText.printable(done), settings, config: common.config))
    }

    /// Ends the command with 1 for what is left, although the target has taken over.
    private func checkAccepted(_ done: FailoverReport) throws {
        guard let first = done.unaccepted.first else { return }
        let others = done.unaccepted.count == 1 ? "" : ", and \(done.unaccepted.count - 1) more, see above"
        throw Failure(
            "failover: \(done.target) has taken over from \(done.source), but something is left that was not accepted: "
                + "\(first)\(others). Topics are left out with topics.deny, groups with --leave-groups")
    }

    private func export(to path: String, _ failover: Failover) async throws {
        let file = try TailFile(path)
        do {
            try await failover.exportTail { try file.append($0) }
            try file.finish()
        } catch {
            // A part of it would look like all of it.
            file.discard()
            throw error
        }
        let report = await failover.report
        try write(report)
        if !reporting.json {
            StandardOutput.say("\(path) holds \(file.count.counted("record")) that had not reached \(report.target).")
        }
        let unread = report.accounts.filter(\.isUnread).map { "\($0.name) (\($0.state.rawValue): \($0.reason))" }
        guard unread.isEmpty else {
            throw Failure(
                "failover: \(path) does not hold what \(report.source) has of \(unread.joined(separator: "; "))")
        }
    }
}
