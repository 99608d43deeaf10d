internal import ArgumentParser
internal import KafkaClient
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Replication
internal import ReplicatorConfig

/// `replicator verify`: compares what flows have copied, record by record.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare source and target record by record.",
        discussion: """
            Compares key, value, headers, timestamp and order of everything that is on the source when the command \
            starts with what the target holds; compacted topics by the latest record of each key. Reads only. The flow \
            may be running: a target that still moves is waited for. Copies that other tools made are compared by \
            content, no offset map is needed.

            Exit codes: 0 everything is the same, 1 something differs or could not be compared, 2 wrong usage or \
            configuration.
            """)

    @OptionGroup var common: ConfigurationOptions

    @Option(
        name: .long,
        help: ArgumentHelp("Wait this long for a target that does not move any more.", valueName: "SECONDS"))
    var patience = 10

    @Option(name: .long, help: ArgumentHelp("Partitions compared at the same time.", valueName: "N"))
    var parallel = 4

    @Option(name: .long, help: ArgumentHelp("Also write the report, as JSON, to this file.", valueName: "FILE"))
    var report: String?

    @Flag(name: .long, help: "Print the report as JSON.")
    var json = false

    func validate() throws {
        guard (0...86_400).contains(patience) else { throw ValidationError("--patience takes 0 to 86400 seconds") }
        guard (1...64).contains(parallel) else { throw ValidationError("--parallel takes 1 to 64") }
    }

    func run() async throws {
        let config = try common.load()
        let flows = try common.select(from: config)
        LoggingOptions.bootstrapForPeople(from: .error)
        if let report { try ReportFile.checkWritable(report) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        var reports: [VerificationReport] = []
        do {
            for settings in flows {
                reports.append(try await verify(settings, config, group))
            }
        } catch {
            try? await group.shutdownGracefully()
            throw Failure("\(error)")
        }
        try await group.shutdownGracefully()
        let document = VerifyDocument(flows: reports)
        let text = try JSONText.pretty(document)
        if let report { try ReportFile.write(text, to: report) }
        print(json ? text : document.text)
        guard document.isEqual else { throw Failure("verify: source and target differ") }
    }

    private func verify(
        _ settings: FlowSettings, _ config: ConfigFile, _ group: MultiThreadedEventLoopGroup
    ) async throws(FlowError) -> VerificationReport {
        var options = Verification.Options()
        options.patience = .seconds(patience)
        options.lanes = parallel
        options.allowsForeign = config.flows.contains { $0.isOpposite(of: settings) }
        let verification = Verification(
            settings, options: options, eventLoops: (0..<System.coreCount).map { _ in group.next() },
            logger: Logger(label: "verify"))
        let line = ProgressLine(settings.name)
        defer { line.finish() }
        return try await verification.run { progress in
            line.show(done: progress.compared, total: progress.total) { seconds in
                "\(Quantities.count(progress.compared)) of \(Quantities.count(progress.total)) offsets, "
                    + "\(Quantities.bytes(Double(progress.bytes) / seconds))/s"
                    + (progress.differences > 0 ? ", \(progress.differences) differences" : "")
            }
        }
    }
}

extension FlowSettings {
    /// Whether the other flow copies the same names the other way.
    func isOpposite(of other: FlowSettings) -> Bool {
        source.name == other.target.name && target.name == other.source.name && naming == .identical
            && other.naming == .identical
    }
}
