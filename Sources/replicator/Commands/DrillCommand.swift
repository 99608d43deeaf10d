internal import ArgumentParser
internal import KafkaBroker
internal import KafkaClient
internal import Logging
internal import NIOCore
internal import PlainText
internal import Replication
internal import ReplicationTools
internal import ReplicatorConfig
internal import Synchronization

/// `replicator drill`: practises a failover and measures it.
struct DrillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Practise a failover and measure RPO and RTO.",
        discussion: """
            Without --config it starts two embedded clusters of three nodes each, a flow each way, numbered producers \
            and a consumer group; then it does to them what the scenario says. With --config it does the same between \
            the clusters of a flow (--flow), on a topic and a group of its own that it removes in the end; there \
            no cluster is killed, the flow is cut off instead.

            Scenarios: active-passive (the source dies, fail over, fail back), active-active (both sides produce), \
            planned (stop, drain, move, and back), unplanned (the source dies and stays away), partition (the target \
            cannot be reached for a while), instance (one of three that share the flow is killed).

            Exit codes: 0 the drill went as it should, 1 it did not, 2 wrong usage or configuration.
            """)

    @Option(
        name: .long, help: ArgumentHelp("The scenario to practise (default: active-passive).", valueName: "SCENARIO"),
        completion: .list(DrillScenario.allCases.map(\.rawValue)), transform: Self.scenario)
    var scenario = DrillScenario.activePassive

    @Option(
        name: .long, help: ArgumentHelp("Practise on the clusters of this configuration.", valueName: "FILE"),
        completion: NameCompletion.configurationFile)
    var config: String?

    @Option(
        name: .long, help: ArgumentHelp("The flow whose clusters are used.", valueName: "NAME"),
        completion: NameCompletion.flows)
    var flow: String?

    @Option(name: .long, help: ArgumentHelp("Records produced per second.", valueName: "N"))
    var rate = 2000

    @Option(name: .long, help: ArgumentHelp("Seconds that each phase lasts.", valueName: "SECONDS"))
    var seconds = 4

    @Flag(name: .long, help: "Print the report as JSON.")
    var json = false

    private static func scenario(_ text: String) throws -> DrillScenario {
        if let scenario = DrillScenario(rawValue: text) { return scenario }
        let known = DrillScenario.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("there is no scenario \(text); there are \(known)")
    }

    func validate() throws {
        guard (1...1_000_000).contains(rate) else { throw ValidationError("--rate takes 1 to 1000000") }
        guard (1...3600).contains(seconds) else { throw ValidationError("--seconds takes 1 to 3600") }
        guard flow == nil || config != nil else { throw ValidationError("--flow needs --config") }
    }

    func run() async throws {
        LoggingOptions.bootstrapForPeople(from: .critical)
        let report = try await EventLoops.with(for: "drill") { loops in
            if let config { try await drill(onClustersOf: config, loops) } else { try await drillEmbedded(loops) }
        }
        if json {
            StandardOutput.write(try JSONText.pretty(report))
        } else {
            StandardOutput.say(DrillText.table(report))
        }
        guard report.isGood else { throw Failure("drill: it did not go as it should") }
    }

    private var settings: DrillSettings {
        var settings = DrillSettings()
        settings.scenario = scenario
        settings.recordsPerSecond = rate
        settings.phase = .seconds(seconds)
        // Enough for each instance to have some.
        if scenario == .instance { settings.partitions = 12 }
        return settings
    }

    private func drillEmbedded(_ loops: [any EventLoop]) async throws -> DrillReport {
        var quiet = Logger(label: "broker")
        quiet.logLevel = .critical
        let east = try await EmbeddedCluster.start(BrokerSettings(nodeCount: 3, logger: quiet))
        let west = try await EmbeddedCluster.start(BrokerSettings(nodeCount: 3, logger: quiet))
        let outcome: Result<DrillReport, any Error>
        do {
            let clusters = (cluster("east", east.bootstrapServers), cluster("west", west.bootstrapServers))
            outcome = .success(
                try await drill(
                    settings, clusters.0, clusters.1, flowPrefix: "drill",
                    faults: EmbeddedClusters(source: east, target: west), loops))
        } catch {
            outcome = .failure(error)
        }
        await east.shutdown()
        await west.shutdown()
        return try outcome.get()
    }

    private func cluster(_ name: String, _ bootstrapServers: String) -> ClusterSettings {
        var settings = ClusterSettings(
            name: name, bootstrapServers: bootstrapServers.split(separator: ",").compactMap { HostAndPort(String($0)) })
        settings.identity = .replicator
        settings.clientID = ClientIdentity.replicator.name
        return settings
    }

    private func drill(onClustersOf path: String, _ loops: [any EventLoop]) async throws -> DrillReport {
        let file: ConfigFile
        do {
            file = try ConfigFile.load(path, identity: .replicator)
        } catch {
            throw Failure(error)
        }
        let chosen = try flow.map { try file.flow($0, of: path) } ?? file.flows[0]
        guard scenario != .activePassive, scenario != .unplanned, scenario != .activeActive else {
            throw Failure(
                "drill: \(scenario.rawValue) kills a cluster, which is not done to clusters of yours; "
                    + "use --scenario planned, partition or instance", exitCode: .usage)
        }
        var settings = settings
        let name = "replicator-drill-\(UInt32.random(in: 0 ... .max))"
        settings.topic = name
        settings.group = name
        let faults = CutOff()
        let outcome: Result<DrillReport, any Error>
        do {
            outcome = .success(
                try await drill(settings, chosen.source, chosen.target, flowPrefix: name, faults: faults, loops))
        } catch {
            outcome = .failure(error)
        }
        let left = await CanaryCleaning.clean(
            [chosen.source, chosen.target], topic: name, group: name, flows: ["\(name)-there", "\(name)-back"],
            eventLoop: loops[0], logger: Logger(label: "drill"))
        let report = try outcome.get()
        guard left.isEmpty else { throw Failure("drill: cannot remove what it left: \(left.joined(separator: "; "))") }
        return report
    }

    private func drill(
        _ settings: DrillSettings, _ source: ClusterSettings, _ target: ClusterSettings, flowPrefix: String,
        faults: any DrillClusters, _ loops: [any EventLoop]
    ) async throws -> DrillReport {
        let isQuiet = json
        let drill = Drill(
            settings,
            forward: try flow("\(flowPrefix)-there", source, target, settings),
            backward: try flow("\(flowPrefix)-back", target, source, settings), faults: faults,
            eventLoops: loops, logger: Logger(label: "drill"), wallClock: WallClock.milliseconds
        ) { event in
            if !isQuiet { StandardOutput.say(DrillText.line(event).printable(atMost: 8_192)) }
        }
        if let cutOff = faults as? CutOff { cutOff.drill.withLock { $0 = drill } }
        return try await drill.run()
    }

    private func flow(
        _ name: String, _ source: ClusterSettings, _ target: ClusterSettings, _ settings: DrillSettings
    ) throws -> FlowSettings {
        let topic = NameSelection(allow: [try NamePattern(settings.topic.replacing(".", with: "\\."))], deny: [])
        let readers = NameSelection(allow: [try NamePattern(settings.group.replacing(".", with: "\\."))], deny: [])
        var flow = FlowSettings(
            name: name, source: source, target: target, topics: topic, consumerGroups: readers, naming: .identical,
            targetAlias: target.name)
        flow.startFrom = .earliest
        flow.sync.interval = .milliseconds(250)
        return flow
    }
}
