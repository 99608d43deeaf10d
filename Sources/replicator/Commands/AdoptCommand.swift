internal import ArgumentParser
internal import Logging
internal import NIOCore
internal import PlainText
internal import Replication
internal import ReplicationTools
internal import ReplicatorConfig

/// `replicator adopt`: lets a flow continue where a copy ends that another program has made.
struct AdoptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Let a flow continue where another program's copy ends.",
        discussion: """
            For a flow that has not run, and whose topics on the target already hold copies: made by MirrorMaker 2, \
            MSK Replicator, a script, or a flow whose memory is gone. With --topic also for one that has run and is \
            stopped, in topics that are new to it. Finds the end of each partition's copy by comparing the last records of \
            both sides, and records it as the flow's progress. Started with `run`, the flow then continues behind the last \
            source record that the target has, and translates group offsets as far back as the copies were compared. \
            Without --fill no record is written to any topic of yours.

            Only a position that is certain is recorded. If one partition's position is not, nothing is recorded, and \
            the report says what would help. Records that the copy has twice, or lacks, are counted and not changed. With \
            --fill the missing ones are appended behind the copies, out of place, each once, also when the command is killed \
            and run again; not in compacted topics, and refused where they may have been on the target and are gone.

            With offsets: preserve both sides are compared in place, record n with record n, and the flow continues at the end \
            of the copy's log; the report names the first offset that differs.

            The other replicator must have been stopped. With --follow it may still run: the command says when its \
            copies are certain, waits until it has been silent for --quiet seconds, asks whether it has been stopped \
            (unless --yes), and then records the positions.

            Exit codes: 0 the positions are recorded (with --dry-run: would be), 1 a position is not certain, copies \
            still come, the flow has run or runs, or a cluster does not answer; nothing is recorded. 2 wrong usage or \
            configuration.
            """)

    @Option(
        name: .long, help: ArgumentHelp("The configuration file.", valueName: "FILE"),
        completion: NameCompletion.configurationFile)
    var config = "replicator.yaml"

    @Option(
        name: .long, help: ArgumentHelp("The flow.", valueName: "NAME"),
        completion: NameCompletion.flows)
    var flow: String

    @Option(name: .long, help: ArgumentHelp("Only this source topic; may be given more than once.", valueName: "NAME"))
    var topic: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Only the topic that has this name on the target; may be given more than once.", valueName: "NAME"))
    var targetTopic: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Look at the last N offsets of each partition first; at more where that is not enough.", valueName: "N"))
    var depth: Int64 = 20_000

    @Flag(name: .long, help: "Look at everything, up to the last 4 million offsets of each partition.")
    var all = false

    @Flag(name: .long, help: "Say what would be recorded, and record nothing.")
    var dryRun = false

    @Flag(
        name: .long,
        help: "Append records that the copies lack, out of place; with --dry-run: say how many that would be.")
    var fill = false

    @Flag(name: .long, help: "Stay while the other replicator runs, and record once it has been stopped.")
    var follow = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "With --follow: record after so long without a new copy (default: 10).", valueName: "SECONDS"))
    var quiet: Int?

    @Flag(name: .long, help: "With --follow: do not ask whether the other replicator has been stopped.")
    var yes = false

    @Option(name: .long, help: ArgumentHelp("Partitions looked at at the same time.", valueName: "N"))
    var parallel = 4

    @OptionGroup var reporting: ReportOptions

    func validate() throws {
        guard (1...4_000_000).contains(depth) else { throw ValidationError("--depth takes 1 to 4000000") }
        guard (1...64).contains(parallel) else { throw ValidationError("--parallel takes 1 to 64") }
        guard follow || quiet == nil && !yes else { throw ValidationError("--quiet and --yes belong to --follow") }
        guard !(follow && dryRun) else {
            throw ValidationError("--follow records; --dry-run does not: use one of them")
        }
        guard (1...86_400).contains(quiet ?? 10) else { throw ValidationError("--quiet takes 1 to 86400 seconds") }
    }

    func run() async throws {
        let settings = try ConfigurationOptions.load(config).flow(flow, of: config)
        for name in topic {
            guard let rule = settings.exclusion(of: name) else { continue }
            throw Failure("topic \"\(name.printable())\" is never copied: \(rule)", exitCode: .usage)
        }
        LoggingOptions.bootstrapForPeople(from: .error)
        try reporting.checkWritable()
        let report = try await EventLoops.with(for: "adopt") { loops in
            do {
                return try await Interruption.cancelling { try await adopt(settings, loops) }
            } catch let error as AdoptionError {
                switch error {
                case .unknown: throw Failure("adopt: \(error)", exitCode: .usage)
                case .hasRun, .topicsHaveRun, .cannotFill, .leftOut, .nothingThere, .noCopies,
                    .stillCopied:
                    throw Failure("adopt: \(error)")
                }
            }
        }
        try finish(report, settings)
    }

    private func adopt(_ settings: FlowSettings, _ loops: [any EventLoop]) async throws -> AdoptionReport {
        var options = Adoption.Options()
        options.topics = topic
        options.targetTopics = targetTopic
        options.depth = depth
        options.all = all
        options.isRehearsal = dryRun
        options.fills = fill
        options.lanes = parallel
        options.quietTime = follow ? .seconds(quiet ?? 10) : nil
        let adoption = Adoption(
            settings, options: options, owner: Operator.process, eventLoops: loops, logger: Logger(label: "adopt"),
            wallClock: WallClock.milliseconds)
        let line = ProgressLine(settings.name)
        return try await line.during {
            try await adoption.run { progress in
                Self.show(progress, line)
            } isOver: { report in
                guard !yes else { return true }
                line.finish()
                let behind = report.partitions.reduce(0) { $0 + $1.behind }
                try Operator.confirm(
                    "Every copy's end is certain, \(behind.counted("record")) behind \(report.source), and no copy has come "
                        + "for \(quiet ?? 10) s. Has the other replicator been stopped?", for: "adopt")
                return true
            }
        }
    }

    private static func show(_ progress: AdoptionProgress, _ line: ProgressLine) {
        if let owner = progress.waitsFor {
            return line.show { _ in ["\(owner) holds the flow, or did when it ended", "waiting up to 20 s"] }
        }
        guard let following = progress.following else {
            return line.show(done: Int64(progress.partitions), total: Int64(progress.total)) { seconds in
                [
                    "\(progress.partitions) of \(progress.total) partitions",
                    "\(Quantities.count(Int64(Double(progress.records) / max(seconds, 0.001)))) records/s",
                ]
            }
        }
        line.show { _ in
            guard following.uncertain == 0 else {
                return [
                    "\(following.uncertain.counted("partition")) not certain yet", "keep the other replicator running",
                ]
            }
            return [
                "certain, \(Quantities.count(following.behind)) records behind", "stop the other replicator now",
                "silent for \(Int(following.silentFor)) of \(Int(following.quiet)) s",
            ]
        }
    }

    private func finish(_ report: AdoptionReport, _ settings: FlowSettings) throws {
        let document = try reporting.write(report)
        if reporting.json {
            StandardOutput.write(document)
        } else {
            StandardOutput.say(AdoptionText(JSONText.printable(report), isRehearsal: dryRun, config: config).text)
        }
        guard report.refused.isEmpty else {
            throw Failure(
                "adopt: where the copy ends is not certain in \(report.refused.count.counted("partition")), see above; "
                    + "nothing was recorded")
        }
    }
}
