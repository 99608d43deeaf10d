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
internal import ReplicatorDaemon
internal import ServiceLifecycle
internal import UnixSignals

/// `replicator run`: replicates until it is told to stop.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Replicate continuously, until TERM or INT.",
        discussion: """
            Starts every flow of the configuration, or only those named with --flow. The first TERM or INT lets what \
            is under way reach the target and records how far it came. HUP reads the configuration again and takes over \
            topics, consumerGroups, sync and limits, and who may use the HTTP address.

            Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.
            """)

    @OptionGroup var common: ConfigurationOptions
    @OptionGroup var logging: LoggingOptions

    func run() async throws {
        let config = try common.load()
        let flows = try common.select(from: config)
        let events = EventLog()
        logging.bootstrap(events)
        let logger = Logger(label: "replicator")
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        let descriptors = try DescriptorLimit.ensure()
        EarlyHangup.passOn()
        for warning in config.warnings { logger.warning("\(warning)") }
        let registry = MetricsRegistry()
        MetricsSystem.bootstrap(registry)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let loops = (0..<System.coreCount).map { _ in group.next() }
        let running = flows.map { settings in
            Flow(
                settings, eventLoops: loops, series: config.series, logger: logger, wallClock: WallClock.milliseconds)
        }
        let access = try httpAccess(config)
        if let http = config.http { try await checkCanListen(at: http, group) }
        do {
            let daemon = daemon(config, flows, running, loops[0], registry, events, logger)
            let configuration = WatchedConfiguration(
                file: common.config, runsAll: common.flow.isEmpty, current: config, access: access)
            var services: [any Service] = [
                FlowsService(flows: running),
                DaemonService(daemon: daemon, configuration: configuration, hangups: hangups),
            ]
            if let http = config.http, let access {
                services.append(statusServer(at: http, access, ConnectionLimits(descriptors: descriptors), daemon))
                if let exposure = configuration.exposure { logger.warning("\(exposure)") }
            }
            let serviceGroup = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: services.map {
                        ServiceGroupConfiguration.ServiceConfiguration(
                            service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                            failureTerminationBehavior: .gracefullyShutdownGroup)
                    },
                    gracefulShutdownSignals: [.sigterm, .sigint], logger: logger.forLifecycle))
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

    private func daemon(
        _ config: ConfigFile, _ settings: [FlowSettings], _ flows: [Flow], _ eventLoop: any EventLoop,
        _ registry: MetricsRegistry, _ events: EventLog, _ logger: Logger
    ) -> Daemon {
        let names = Set(settings.flatMap { [$0.source.name, $0.target.name] })
        let watches = config.clusters.values.filter { names.contains($0.name) }.sorted { $0.name < $1.name }
            .map { ClusterWatch($0, eventLoop: eventLoop, logger: logger, wallClock: WallClock.milliseconds) }
        return Daemon(
            flows: flows, watches: watches, series: config.series, stuckAfter: config.stuckAfter,
            version: Replicator.version,
            registry: registry, events: events, logger: logger, wallClock: WallClock.milliseconds)
    }

    /// - Throws: ``Failure`` when a file that it needs cannot be used, before anything is created on a target.
    private func httpAccess(_ config: ConfigFile) throws(Failure) -> HTTPAccess? {
        guard let address = config.http else { return nil }
        do {
            return HTTPAccess(try HTTPAccess.Rules(config.httpAccess, listeningOn: address.host))
        } catch {
            throw Failure("\(error)", exitCode: .usage)
        }
    }

    private func statusServer(
        at address: HostAndPort, _ access: HTTPAccess, _ limits: ConnectionLimits, _ daemon: Daemon
    ) -> StatusServer {
        StatusServer(
            host: address.host, port: address.port, registry: daemon.registry,
            sources: StatusServer.Sources(
                status: { await daemon.document().listing($0).json }, obstacles: { await daemon.obstacles() },
                control: { await daemon.control($0) }, history: daemon.history, events: daemon.events),
            access: access, limits: limits, hasDescriptors: { DescriptorReserve.remains(times: 2) },
            logger: daemon.logger)
    }
}
