internal import ArgumentParser
internal import KafkaClient
internal import Logging
internal import NIOCore
internal import PlainText
internal import Replication
internal import ReplicationTools
internal import ReplicatorConfig

/// `replicator verify`: compares what flows have copied, record by record.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare source and target record by record.",
        discussion: """
            Compares key, value, headers, timestamp and order of the records that the source holds when the command \
            starts with those on the target; of compacted topics, the latest record of each key. Reads only. The flow \
            may be running: verify waits while the target still receives records. Copies that other tools made are \
            compared by content, without an offset map.

            --mode full compares everything. --mode sampled compares a share of each partition, chosen by a seed; the \
            same seed makes the same choice again. --mode rolling compares the records that are appended from now on, \
            reports each finding at once, and sums up after --for or when interrupted (Ctrl-C).

            Exit codes: 0 everything that was compared is the same, and nothing that is selected was kept from being \
            compared (the report says how much was compared); 1 something differs or could not be compared; 2 wrong \
            usage or configuration.
            """)

    @OptionGroup var common: ConfigurationOptions

    @Option(
        name: .long, help: ArgumentHelp("The comparison: full, sampled or rolling.", valueName: "MODE"),
        completion: .list(Mode.allCases.map(\.rawValue)), transform: Self.mode)
    var mode = Mode.full

    @Option(
        name: .long,
        help: ArgumentHelp("sampled: compare about this share of each partition (default: 5).", valueName: "PERCENT"))
    var sample: Double?

    @Option(
        name: .long,
        help: ArgumentHelp("sampled: repeat the choice that had this seed (default: a new one).", valueName: "NUMBER"))
    var seed: UInt32?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "rolling: end after this time: 30s, 10m, 2h (default: when interrupted).", valueName: "TIME"),
        transform: Self.duration)
    var length: Duration?

    @Option(
        name: .long,
        help: ArgumentHelp("Give up when the target has made no progress for this long.", valueName: "SECONDS"))
    var patience = 10

    @Option(name: .long, help: ArgumentHelp("Partitions compared at the same time.", valueName: "N"))
    var parallel = 4

    @OptionGroup var reporting: ReportOptions

    enum Mode: String, CaseIterable {
        case full, sampled, rolling
    }

    private static func mode(_ text: String) throws -> Mode {
        if let mode = Mode(rawValue: text) { return mode }
        throw ValidationError("there is no mode \(text); there are full, sampled and rolling")
    }

    private static func duration(_ text: String) throws -> Duration {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let number = Int64(text.dropLast()),
            (1...1_000_000).contains(number)
        else { throw ValidationError("a time is a number with a unit, such as 30s, 10m, 2h or 1d; this is \(text)") }
        return .seconds(number * unit)
    }

    func validate() throws {
        if let sample, !(sample > 0 && sample <= 100) {
            throw ValidationError("--sample takes a percentage above 0 and up to 100")
        }
        guard mode == .sampled || sample == nil && seed == nil else {
            throw ValidationError("--sample and --seed belong to --mode sampled")
        }
        guard mode == .rolling || length == nil else { throw ValidationError("--for belongs to --mode rolling") }
        guard (0...86_400).contains(patience) else { throw ValidationError("--patience takes 0 to 86400 seconds") }
        guard (1...64).contains(parallel) else { throw ValidationError("--parallel takes 1 to 64") }
    }

    func run() async throws {
        let config = try common.load()
        let flows = try common.select(from: config)
        LoggingOptions.bootstrapForPeople(from: .error)
        let reports = try await EventLoops.with(for: "verify") { loops in
            mode == .rolling ? try await follow(flows, config, loops) : try await compare(flows, config, loops)
        }
        try finish(VerifyDocument(flows: reports))
    }

    private func finish(_ document: VerifyDocument) throws {
        let report = try reporting.write(document)
        switch (reporting.json, mode) {
        case (true, .rolling): StandardOutput.write(try JSONText.line(RollingLine.summary(document)))
        case (true, _): StandardOutput.write(report)
        case (false, _): StandardOutput.say(JSONText.printable(document).text)
        }
        guard document.isEqual else {
            let isDifferent = document.flows.contains { $0.differences.total > 0 }
            throw Failure(
                isDifferent
                    ? "verify: source and target differ" : "verify: not everything could be compared, see above")
        }
    }

    private func options(_ settings: FlowSettings, _ config: ConfigFile) -> Verification.Options {
        var options = Verification.Options()
        options.patience = .seconds(patience)
        options.lanes = parallel
        options.allowsForeign = settings.sharesItsTarget(with: config.flows)
        return options
    }
}

// Up to a cut.
extension VerifyCommand {
    /// One flow after the other. When it is interrupted, what has not been compared is reported so.
    private func compare(
        _ flows: [FlowSettings], _ config: ConfigFile, _ loops: [any EventLoop]
    ) async throws -> [VerificationReport] {
        let seed = UInt64(seed ?? .random(in: 0 ... .max))
        return try await Interruption.cancelling {
            try reporting.checkWritable()
            var reports: [VerificationReport] = []
            for settings in flows {
                var options = options(settings, config)
                if mode == .sampled { options.sampling = Sampling(share: (sample ?? 5) / 100, seed: seed) }
                let verification = Verification(
                    settings, options: options, eventLoops: loops, logger: Logger(label: "verify"))
                reports.append(try await compare(settings.name, verification))
            }
            return reports
        }
    }

    private func compare(_ flow: String, _ verification: Verification) async throws -> VerificationReport {
        let line = ProgressLine(flow)
        return try await line.during {
            try await verification.run { progress in
                line.show(done: progress.compared, total: progress.total) { seconds in
                    [
                        "\(Quantities.count(progress.compared)) of \(Quantities.count(progress.total)) offsets",
                        "\(Quantities.bytes(Double(progress.bytes) / seconds))/s",
                    ] + (progress.differences > 0 ? [progress.differences.counted("difference")] : [])
                }
            }
        }
    }
}

// Without an end.
extension VerifyCommand {
    /// All flows at the same time, until time is up or it is interrupted; interrupted twice, it waits for nothing.
    private func follow(
        _ flows: [FlowSettings], _ config: ConfigFile, _ loops: [any EventLoop]
    ) async throws -> [VerificationReport] {
        let line = ProgressLine("rolling")
        defer { line.finish() }
        let output = RollingOutput(json: reporting.json, line: line)
        return try await Interruption.ending { [length] interruption in
            try reporting.checkWritable()
            return try await withThrowingTaskGroup(of: VerificationReport.self) { group in
                for settings in flows {
                    let rolling = RollingVerification(
                        settings, options: options(settings, config), eventLoops: loops,
                        logger: Logger(label: "verify"))
                    group.addTask {
                        try await rolling.run {
                            await interruption.wait(atMost: length)
                        } tell: { event in
                            output.tell(event, flow: settings.name)
                        } progress: { progress in
                            output.show(progress, flow: settings.name)
                        }
                    }
                }
                var reports: [VerificationReport] = []
                for try await report in group { reports.append(report) }
                let order = flows.map(\.name)
                return reports.sorted {
                    (order.firstIndex(of: $0.flow) ?? 0) < (order.firstIndex(of: $1.flow) ?? 0)
                }
            }
        }
    }
}

extension FlowSettings {
    /// Returns true if records that did not come from the source may lie among the copies: another flow writes to the
    /// target under
    /// the same names, or flows lead from the target back to the source, so that producers of the target are meant to be
    /// there.
    func sharesItsTarget(with flows: [FlowSettings]) -> Bool {
        guard naming == .identical else { return false }
        let others = flows.filter { $0.naming == .identical && $0.name != name }
        if others.contains(where: { $0.target.name == target.name }) { return true }
        var reached: Set<String> = [target.name]
        var isGrowing = true
        while isGrowing {
            let next = Set(others.filter { reached.contains($0.source.name) }.map(\.target.name))
            isGrowing = !next.isSubset(of: reached)
            reached.formUnion(next)
        }
        return reached.contains(source.name)
    }
}
