internal import ArgumentParser
internal import ForeignErrors
internal import FoundationEssentials
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
            Starts every flow of the configuration, or only those named with --flow. At the first TERM or INT, batches \
            that were read still reach the target, and the progress is recorded. HUP and POST /api/reload read the \
            configuration again: new flows start, removed flows stop, changed flows take over their settings or \
            restart, and the others are not disturbed. With "reload: onChange" this happens by itself when the file \
            changes.

            Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.
            """)

    @OptionGroup var common: ConfigurationOptions
    @OptionGroup var logging: LoggingOptions

    func run() async throws {
        MemoryReturn.begin()
        // Before it is read: what changes meanwhile is noticed.
        let contents = ConfigurationContents(of: common.config)
        let config = try common.load()
        _ = try common.select(from: config)
        if config.reload == .onChange, !TextFile.isRegular(common.config) {
            throw Failure(
                "reload: onChange needs a file that can be read again, and \(common.config) is none: name one, or leave "
                    + "reload at onSignal", exitCode: .usage)
        }
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
        let access = try httpAccess(config)
        if let http = config.http { try checkCanListen(at: http) }
        do {
            let configuration = WatchedConfiguration(
                file: common.config, selected: common.flow.isEmpty ? nil : Set(common.flow), current: config,
                access: access,
                instance: config.instanceSettings(
                    machine: MachineName.current, process: ProcessInfo.processInfo.processIdentifier))
            let daemon = daemon(configuration, loops, registry, events, logger)
            let reloader = Reloader(daemon: daemon, configuration: configuration, contents: contents)
            var services: [any Service] = [
                FlowsService(flows: daemon.flows),
                DaemonService(daemon: daemon, reloader: reloader, hangups: hangups),
            ]
            if let http = config.http, let access {
                services.append(
                    statusServer(at: http, access, ConnectionLimits(descriptors: descriptors), daemon, reloader))
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
        } catch {
            throw Failure("run: \(ForeignError.words(error))")
        }
        try await group.shutdownGracefully()
    }

    /// Finds out that an address is taken before anything is created on a target, not while flows start.
    private func checkCanListen(at address: HostAndPort) throws {
        do {
            try AddressCheck.bind(host: address.host, port: address.port)
        } catch {
            let reason = ForeignError.words(error)
            throw Failure("http.listen: cannot listen on \(address): \(reason); choose another address")
        }
    }

    private func daemon(
        _ configuration: WatchedConfiguration, _ eventLoops: [any EventLoop], _ registry: MetricsRegistry,
        _ events: EventLog, _ logger: Logger
    ) -> Daemon {
        let series = configuration.current.series
        return Daemon(
            flows: RunningFlows(configuration.flows, logger: logger) {
                Flow($0, eventLoops: eventLoops, series: series, logger: logger, wallClock: WallClock.milliseconds)
            },
            watches: ClusterWatches(configuration.clusters) {
                ClusterWatch($0, eventLoop: eventLoops[0], logger: logger, wallClock: WallClock.milliseconds)
            },
            series: series, stuckAfter: configuration.current.stuckAfter, version: Replicator.version,
            instance: configuration.instance,
            client: InstanceClient(configuration.current.httpAccess), registry: registry, events: events,
            logger: logger,
            wallClock: WallClock.milliseconds)
    }

    /// - Throws: ``Failure`` when a file that it needs cannot be used, before anything is created on a target.
    private func httpAccess(_ config: ConfigFile) throws(Failure) -> HTTPAccess? {
        guard let address = config.http else { return nil }
        do {
            return HTTPAccess(
                try HTTPAccess.Rules(
                    config.httpAccess, listeningOn: address.host, advertised: config.instance.advertise?.host))
        } catch {
            throw Failure("\(error)", exitCode: .usage)
        }
    }

    private func statusServer(
        at address: HostAndPort, _ access: HTTPAccess, _ limits: ConnectionLimits, _ daemon: Daemon,
        _ reloader: Reloader
    ) -> StatusServer {
        StatusServer(
            host: address.host, port: address.port, registry: daemon.registry,
            sources: StatusServer.Sources(
                status: { await daemon.document($0).json }, readiness: { await daemon.readiness() },
                others: { await daemon.answersOfOthers($0) },
                control: { await daemon.control($0) }, reload: { await reloader.answer() }, history: daemon.history,
                events: daemon.events),
            access: access, limits: limits, hasDescriptors: { DescriptorReserve.remains(times: 2) },
            logger: daemon.logger)
    }
}
