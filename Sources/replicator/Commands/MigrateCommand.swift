internal import ArgumentParser
internal import Glibc
internal import KafkaClient
internal import Logging
internal import NIOCore
internal import Replication
internal import ReplicationTools
internal import ReplicatorConfig
internal import TerminalText

/// `replicator migrate`: moves once, and proves it.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Copy everything once, follow until the cut-over, verify, and report.",
        discussion: """
            Lists the topics to be copied, asks (unless --yes), copies each topic from its earliest record whatever \
            startFrom says, keeps settings and consumer groups in step, follows until the cut-over, drains to fixed \
            ends, and compares source and target record by record. Without --cut-over the cut-over is as soon as \
            everything is copied. With --cut-over FILE it is when that file exists: stop the producers, then create \
            the file.

            It can be interrupted (Ctrl-C) and run again: it continues where it stopped. The flow must not run \
            elsewhere. It does not begin if the target holds records that the flow has not copied. It gives up after \
            --patience seconds in which a cluster does not answer, or partitions that are behind make no progress. \
            Where standard error is no terminal, it prints its progress at least as often.

            Exit codes: 0 every selected topic and partition is copied, still there and equal, and every group can \
            continue; 1 something of this is not so, and the output says what, or it was interrupted; 2 wrong usage or \
            configuration.
            """)

    @OptionGroup var common: OneFlowOptions

    @Flag(name: .long, help: "Do not ask.")
    var yes = false

    @Option(name: .long, help: ArgumentHelp("Cut over when this file exists.", valueName: "FILE"))
    var cutOver: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Give up when a cluster, a partition, a group or the last batches have made no progress for this long.",
            valueName: "SECONDS"))
    var patience = 30

    @Flag(name: .long, help: "Do not fail because groups are not on the target where they were at the source.")
    var leaveGroups = false

    @OptionGroup var reporting: ReportOptions

    func validate() throws {
        guard (1...86_400).contains(patience) else { throw ValidationError("--patience takes 1 to 86400 seconds") }
    }

    func run() async throws {
        var settings = try common.select(from: try common.load())
        settings.giveUp(after: .seconds(patience))
        try reporting.checkWritable()
        if let cutOver, access(cutOver, F_OK) == 0 {
            throw Failure("--cut-over: \(cutOver) exists already; remove it first", exitCode: .usage)
        }
        LoggingOptions.bootstrapForPeople(from: .warning)
        try await EventLoops.with(for: "migrate") { [settings] in try finish(await migrate(settings, $0)) }
    }

    private func migrate(_ settings: FlowSettings, _ loops: [any EventLoop]) async throws -> MigrationReport {
        try await confirm(settings, loops[0])
        let migration = Migration(
            settings, patience: .seconds(patience), leavesGroups: leaveGroups, owner: Operator.process,
            eventLoops: loops, logger: Logger(label: "migrate"), wallClock: WallClock.milliseconds)
        do {
            return try await followed(migration)
        } catch {
            // The rest is told beside the obstacle.
            let report = await migration.report
            if !report.accounts.isEmpty { try show(report) }
            throw error
        }
    }

    private func followed(_ migration: Migration) async throws -> MigrationReport {
        let line = ProgressLine("migrate", linesEvery: min(ProgressPace.usualSpacing, .seconds(patience) / 2))
        let begin = ContinuousClock.now
        return try await Interruption.letting {
            await migration.interrupt()
        } finish: { [cutOver] in
            try await line.during {
                try await migration.run {
                    await Self.awaitFile(cutOver)
                } progress: { progress in
                    // The next message tells how far the comparison is.
                    guard progress.phase != .verifying else { return }
                    // A run that continues where another stopped begins in the middle: the rate tells, not the share.
                    line.show(
                        progress.phase.rawValue, done: progress.passed, total: progress.total, tellsTimeLeft: false
                    ) { _ in MigrateText.details(progress) }
                } verified: { progress in
                    let seconds = (ContinuousClock.now - begin) / .seconds(1)
                    line.show("verifying", done: progress.compared, total: progress.total, tellsTimeLeft: false) { _ in
                        [
                            "\(Quantities.count(progress.compared)) of \(Quantities.count(progress.total)) offsets",
                            "\(Quantities.bytes(Double(progress.bytes) / seconds))/s",
                        ]
                    }
                }
            }
        }
    }

    /// Says what would be done, and asks.
    private func confirm(_ settings: FlowSettings, _ loop: any EventLoop) async throws {
        let planner = FlowPlanner(
            Migration.settings(of: settings), eventLoop: loop, logger: Logger(label: "migrate"),
            wallClock: WallClock.milliseconds)
        let plan: FlowPlan
        do {
            plan = try await planner.plan(applies: false, overwrites: false)
        } catch {
            await planner.close()
            throw error
        }
        await planner.close()
        if !reporting.json {
            // A reader of the pipe sees it before it is done.
            StandardOutput.say(JSONText.printable(plan).text)
        }
        guard !yes else { return }
        try Operator.confirm(
            "Copy everything from \(settings.source.name) to \(settings.target.name)?", for: "migrate")
    }

    private static func awaitFile(_ path: String?) async {
        guard let path else { return }
        while access(path, F_OK) != 0 {
            guard (try? await Task.sleep(for: .milliseconds(200))) != nil else { return }
        }
    }

    private func show(_ done: MigrationReport) throws {
        let document = try reporting.write(MigrateText.Document(done))
        if reporting.json {
            StandardOutput.write(document)
        } else {
            StandardOutput.say(MigrateText.text(JSONText.printable(done)))
        }
    }

    private func finish(_ done: MigrationReport) throws {
        try show(done)
        guard done.phase != .interrupted else {
            throw Failure("migrate: interrupted; run it again to continue where it stopped")
        }
        guard done.isComplete else { throw Failure("migrate: the copy is not complete, see above") }
    }
}
