internal import ArgumentParser
internal import Glibc
internal import KafkaClient
internal import Logging
internal import Metrics
internal import NIOCore
internal import NIOPosix
internal import Observability
internal import Replication
internal import ReplicatorConfig
internal import ServiceLifecycle
internal import UnixSignals

/// `replicator run`: replicates until it is told to stop.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Replicate continuously, until TERM or INT.",
        discussion: """
            Starts every flow of the configuration, or only those named with --flow. The first TERM or INT lets what \
            is under way reach the target and records how far it came.

            Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.
            """)

    @OptionGroup var common: ConfigurationOptions
    @OptionGroup var logging: LoggingOptions

    func run() async throws {
        let config = try common.load()
        let flows = try common.select(from: config)
        logging.bootstrap()
        let logger = Logger(label: "replicator")
        let registry = MetricsRegistry()
        MetricsSystem.bootstrap(registry)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let loops = (0..<System.coreCount).map { _ in group.next() }
        let running = flows.map { settings in
            Flow(settings, eventLoops: loops, logger: logger, wallClock: WallClock.milliseconds)
        }
        if let http = config.http { try await checkCanListen(at: http, group) }
        do {
            var services: [any Service] = [FlowsService(flows: running)]
            if let http = config.http { services.append(statusServer(at: http, running, registry, logger)) }
            let serviceGroup = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: services.map {
                        ServiceGroupConfiguration.ServiceConfiguration(
                            service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                            failureTerminationBehavior: .gracefullyShutdownGroup)
                    },
                    gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
            try await serviceGroup.run()
        } catch let error as FlowError {
            throw Failure("\(error)")
        }
        try await group.shutdownGracefully()
    }

    /// Finds out that an address is taken before anything is created on a target, not while flows start.
    private func checkCanListen(at address: HostAndPort, _ group: any EventLoopGroup) async throws {
        do {
            let probe = ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            try await probe.bind(host: address.host, port: address.port).get().close()
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw Failure("http.listen: cannot listen on \(address): \(reason); choose another address")
        }
    }

    private func statusServer(
        at address: HostAndPort, _ flows: [Flow], _ registry: MetricsRegistry, _ logger: Logger
    ) -> StatusServer {
        let sources = StatusServer.Sources(
            status: {
                var statuses: [FlowStatus] = []
                for flow in flows { statuses.append(await flow.status()) }
                return StatusDocument(flows: statuses).json
            },
            obstacles: {
                var obstacles: [String] = []
                for flow in flows { obstacles += StatusDocument.obstacles(of: await flow.status()) }
                return obstacles
            })
        return StatusServer(
            host: address.host, port: address.port, registry: registry, sources: sources, logger: logger)
    }
}
