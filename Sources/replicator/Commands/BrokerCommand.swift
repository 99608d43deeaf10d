internal import ArgumentParser
internal import Glibc
internal import KafkaBroker
internal import KafkaWire
internal import Logging
internal import ReplicatorConfig
internal import ServiceLifecycle
internal import UnixSignals

/// `replicator broker`: an embedded cluster as a program of its own.
struct BrokerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker",
        abstract: "Run a Kafka-compatible broker.",
        discussion: """
            Listens until it gets SIGTERM or SIGINT, then stops in order. When ready it prints one line with its \
            addresses, and with --control a second one with that of the control endpoint, which takes faults and \
            tells the state. Without --data nothing outlives the process.

            Do not write passwords or keys on the command line, which everybody on the machine can \
            read: ${env:NAME} and ${file:/path} in a value of --set stand for a variable and for a file's contents.

            Exit codes: 0 stopped as asked, 1 failed (a port is taken, the data directory is not this broker's, in use, \
            damaged or cannot be written), 2 wrong usage.
            """)

    @Option(
        help: ArgumentHelp(
            "Address of the first node (default: 127.0.0.1:9092); further nodes follow. Port 0 takes free ones.",
            valueName: "host:port"))
    var listen: String?

    @Option(help: "Number of the cluster's nodes.")
    var nodes = 1

    @Option(
        name: .customLong("first-node-id"),
        help: ArgumentHelp(
            "The first node's id; further nodes follow (default: 1, or as in the data directory).", valueName: "number")
    )
    var firstNodeID: Int32?

    @Option(
        help: ArgumentHelp(
            "Keep topics, records and offsets in this directory: a new or empty one, or one of an earlier run.",
            valueName: "directory"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "Take faults and tell the state over HTTP at this address; without authentication, so keep it local.",
            valueName: "host:port"))
    var control: String?

    @Option(
        name: .customLong("control-allow-host"),
        help: ArgumentHelp(
            "A name of this machine under which the control endpoint may be asked, besides its addresses and localhost. May "
                + "be repeated.", valueName: "name"))
    var controlNames: [String] = []

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "A broker setting under Kafka's own name; may be repeated. ${env:NAME} and ${file:/path} in the value are replaced.",
            valueName: "key=value"))
    var settings: [String] = []

    @Option(
        help: ArgumentHelp(
            "The release of Apache Kafka whose versions and features are served: 3.8, 4.0, 4.1, 4.2 or 4.3.",
            valueName: "number"), completion: .list(BrokerRelease.allCases.map(\.rawValue)))
    var release = BrokerRelease.newest.rawValue

    @Option(
        name: .customLong("newest-version"),
        help: ArgumentHelp(
            "The newest version of a request that is served, below that of the release: IncrementalAlterConfigs=-1 leaves "
                + "it out. May be repeated.", valueName: "request=number"))
    var newestVersions: [String] = []

    @Option(
        help: "Level of the log on standard error: trace, debug, info, notice, warning, error or critical.",
        completion: .list(Logger.Level.allCases.map(\.rawValue)))
    var logLevel = "warning"

    func run() async throws {
        DescriptorLimit.raise()
        let settings = try brokerSettings()
        let control = try control.map { try Self.address("--control", $0) }
        let cluster: EmbeddedCluster
        do {
            cluster = try await EmbeddedCluster.start(settings)
        } catch let error as BrokerError {
            if case .invalidSettings(let reason) = error { throw Failure(reason, exitCode: .usage) }
            throw Failure("\(error)")
        }
        var services: [any Service] = []
        let (controlPorts, controlPort) = AsyncStream<Int>.makeStream()
        if let control {
            services.append(
                ControlServer(
                    cluster: cluster, host: control.host, port: control.port,
                    access: ControlAccess(listeningOn: control.host, allowed: controlNames), logger: settings.logger
                ) {
                    controlPort.yield($0)
                })
        }
        services.append(
            BrokerService(cluster: cluster, control: control.map { (host: $0.host, ports: controlPorts) }))
        let group = ServiceGroup(
            configuration: .init(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: settings.logger.forLifecycle))
        try await group.run()
    }

    private static func address(_ option: String, _ text: String) throws -> (host: String, port: Int) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { throw Failure("\(option) takes HOST:PORT, not '\(text)'", exitCode: .usage) }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return (host.isEmpty ? "0.0.0.0" : host, port)
    }

    private func limits() throws -> [ApiKey: Int16] {
        var limits: [ApiKey: Int16] = [:]
        for text in newestVersions {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let api = ApiKey(named: parts[0]), let version = Int16(parts[1]), version >= -1,
                api != .apiVersions
            else {
                throw Failure(
                    "--newest-version takes Kafka's name of a request and a version from -1 on, such as Produce=7, not "
                        + "'\(text)'", exitCode: .usage)
            }
            limits[api] = version
        }
        return limits
    }

    private func brokerSettings() throws -> BrokerSettings {
        let (host, port) = try Self.address("--listen", listen ?? "127.0.0.1:9092")
        var properties: [String: String] = [:]
        let references = SettingReferences()
        for setting in self.settings {
            guard let equals = setting.firstIndex(of: "="), equals != setting.startIndex else {
                throw Failure("--set takes KEY=VALUE, not '\(setting)'", exitCode: .usage)
            }
            let key = String(setting[..<equals])
            do throws(SettingReferences.Invalid) {
                properties[key] = try references.expand(String(setting[setting.index(after: equals)...]))
            } catch {
                throw Failure("--set \(key): \(error)", exitCode: .usage)
            }
        }
        if self.listen != nil, let first = properties["listeners"]?.split(separator: ",").first,
            !first.hasSuffix("://")
        {
            throw Failure(
                "--listen and the setting listeners both say where the first listener is: leave --listen out, or write "
                    + "listeners=\(first.prefix { $0 != ":" })://", exitCode: .usage)
        }
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw Failure(
                "--log-level takes trace, debug, info, notice, warning, error or critical", exitCode: .usage)
        }
        guard let release = BrokerRelease(rawValue: release) else {
            let known = BrokerRelease.allCases.map(\.rawValue).joined(separator: ", ")
            throw Failure("--release takes one of \(known), not '\(release)'", exitCode: .usage)
        }
        let logger = LoggingOptions.logger("broker", from: level)
        return BrokerSettings(
            listenHost: host, port: port, nodeCount: nodes, firstNodeID: firstNodeID, dataDirectory: data,
            properties: properties, release: release, newestVersions: try limits(), logger: logger)
    }
}

/// A cluster as a service: it runs by itself, and stops in order.
private struct BrokerService: Service {
    let cluster: EmbeddedCluster
    /// Address of the control endpoint, with the port once it listens.
    let control: (host: String, ports: AsyncStream<Int>)?

    func run() async throws {
        if let control {
            for await port in control.ports {
                let host = control.host.contains(":") ? "[\(control.host)]" : control.host
                announce("control on http://\(host):\(port)")
                break
            }
        } else {
            announce(nil)
        }
        try? await gracefulShutdown()
        await cluster.shutdown()
    }

    /// Only now are signals handled: whoever waits for this line may send one at once.
    private func announce(_ control: String?) {
        print("listening on \(cluster.bootstrapServers)")
        if let control { print(control) }
        fflush(nil)
    }
}
