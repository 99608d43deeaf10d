internal import ArgumentParser
internal import KafkaClient
internal import Logging
internal import NIOCore
internal import PlainText
internal import Replication
internal import ReplicationTools
internal import ReplicatorConfig

/// `replicator forget`: removes what a flow has left on its target.
struct ForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Remove the memory that a flow has left on its target.",
        discussion: """
            Deletes the flow's progress topic and the group of its instances on the target, after a question (unless \
            --yes). The flow must not run anywhere. It need not be in the configuration any more; --cluster names the \
            target if the configuration does not.

            Copies, consumer groups' offsets, access rules and quotas stay, and so do the registrations of producer \
            ids, which keep copies from travelling back. A new flow of the same name begins from nothing, and refuses \
            to copy records a second time that are already on the target.

            Exit codes: 0 the cluster no longer shows it, 1 the flow runs, is not known, or could not be removed, 2 \
            wrong usage or configuration.
            """)

    @Option(
        name: .long, help: ArgumentHelp("The configuration file.", valueName: "FILE"),
        completion: NameCompletion.configurationFile)
    var config = "replicator.yaml"

    @Option(
        name: .long, help: ArgumentHelp("The flow.", valueName: "NAME"),
        completion: NameCompletion.flows)
    var flow: String

    @Option(
        name: .long, help: ArgumentHelp("The cluster that holds its memory: its target.", valueName: "NAME"),
        completion: NameCompletion.clusters)
    var cluster: String?

    @Flag(name: .long, help: "Do not ask.")
    var yes = false

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    private struct Document: Encodable {
        var flow: KnownFlow
        var deletedTopics: [String]
    }

    func run() async throws {
        let settings = try target(in: try ConfigurationOptions.load(config))
        let logger = LoggingOptions.logger("replicator", from: .error)
        let (known, deleted) = try await EventLoops.with(1, for: "forget") { [logger] loops in
            try await forget(settings, loops[0], logger)
        }
        guard !json else {
            return StandardOutput.write(try JSONText.pretty(Document(flow: known, deletedTopics: deleted)))
        }
        let names = deleted.joined(separator: ", ").printable()
        StandardOutput.say("flow \(known.flow) is forgotten on \(known.cluster): deleted \(names)")
        for line in Self.remains(of: known) { StandardOutput.say(line) }
        StandardOutput.say(Self.silence(of: known))
    }

    private func forget(
        _ settings: ClusterSettings, _ loop: any EventLoop, _ logger: Logger
    ) async throws -> (KnownFlow, [String]) {
        let removal = FlowRemoval(
            on: settings, eventLoop: loop, logger: logger, wallClock: WallClock.milliseconds)
        guard let known = try await removal.examine(flow) else {
            throw Failure(
                "forget: cluster \(settings.name) knows no flow \"\(flow)\"; `replicator flows` lists those it knows")
        }
        if !yes {
            try Operator.confirm(
                "Forget flow \(flow) on \(settings.name): \(known.topics.counted("topic")), "
                    + "\(known.partitions.counted("partition")); \(Self.silence(of: known))?",
                for: "forget")
        }
        return (known, try await removal.remove(flow))
    }

    /// The cluster named, else the target of the configured flow.
    private func target(in file: ConfigFile) throws -> ClusterSettings {
        if let cluster { return try file.cluster(cluster, of: config) }
        if let configured = file.flows.first(where: { $0.name == flow }) { return configured.target }
        throw Failure(
            "\(config) has no flow \"\(flow)\": name the cluster that was its target with --cluster", exitCode: .usage)
    }

    /// A flow that has nothing to copy records nothing: its silence proves little.
    private static func silence(of known: KnownFlow) -> String {
        let since = known.lastRecorded.map { last in
            "for " + Quantities.seconds(Double(max(0, WallClock.milliseconds().saturatingSubtracting(last))) / 1_000)
        }
        return "it recorded nothing \(since ?? "at all"): should a process still run it, stop that"
    }

    private static func remains(of known: KnownFlow) -> [String] {
        var lines = ["its copies and the groups' offsets were not touched"]
        if known.accessRules + known.quotas > 0 {
            lines.append(
                "\(known.accessRules) access rules and \(known.quotas) quotas that it put there are no longer managed by any flow: "
                    + "kafka-acls and kafka-configs remove them")
        }
        return lines
    }
}
