internal import ArgumentParser
internal import Glibc
internal import KafkaBroker
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// `replicator broker`: an embedded cluster as a program of its own.
struct BrokerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker",
        abstract: "Run a Kafka-compatible broker.",
        discussion: """
            Listens until it gets SIGTERM or SIGINT, then stops in order. When ready it prints one line with its \
            addresses. Without --data nothing outlives the process.
            """)

    @Option(help: "Where the first node listens; further nodes take the ports that follow. Port 0 takes free ones.")
    var listen = "127.0.0.1:9092"

    @Option(help: "How many nodes the cluster has.")
    var nodes = 1

    @Option(help: ArgumentHelp("Keep topics, records and offsets in this directory.", valueName: "directory"))
    var data: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("A broker setting under Kafka's own name; may be repeated.", valueName: "key=value"))
    var settings: [String] = []

    @Option(help: "How much to log to standard error: trace, debug, info, notice, warning, error or critical.")
    var logLevel = "warning"

    func run() async throws {
        let settings = try brokerSettings()
        let cluster: EmbeddedCluster
        do {
            cluster = try await EmbeddedCluster.start(settings)
        } catch let error as BrokerError {
            if case .invalidSettings(let reason) = error { throw Failure(reason, exitCode: .usage) }
            throw Failure("\(error)")
        }
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: BrokerService(cluster: cluster))],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: settings.logger))
        try await group.run()
    }

    private func brokerSettings() throws -> BrokerSettings {
        guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]),
            (0...65535).contains(port)
        else { throw Failure("--listen takes HOST:PORT, not '\(listen)'", exitCode: .usage) }
        var host = String(listen[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        var properties: [String: String] = [:]
        for setting in self.settings {
            guard let equals = setting.firstIndex(of: "="), equals != setting.startIndex else {
                throw Failure("--set takes KEY=VALUE, not '\(setting)'", exitCode: .usage)
            }
            properties[String(setting[..<equals])] = String(setting[setting.index(after: equals)...])
        }
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw Failure(
                "--log-level takes trace, debug, info, notice, warning, error or critical", exitCode: .usage)
        }
        var logger = Logger(label: "broker", factory: { label in StreamLogHandler.standardError(label: label) })
        logger.logLevel = level
        return BrokerSettings(
            listenHost: host.isEmpty ? "0.0.0.0" : host, port: port, nodeCount: nodes, dataDirectory: data,
            properties: properties, logger: logger)
    }
}

/// A cluster as a service: it runs by itself, and stops in order.
private struct BrokerService: Service {
    let cluster: EmbeddedCluster

    func run() async throws {
        // Only now are signals handled: whoever waits for this line may send one at once.
        print("listening on \(cluster.bootstrapServers)")
        fflush(nil)
        try? await gracefulShutdown()
        await cluster.shutdown()
    }
}
