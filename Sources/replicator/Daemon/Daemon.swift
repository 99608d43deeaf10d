internal import Logging
internal import Metrics
internal import Observability
internal import Replication
internal import ReplicatorConfig

/// What runs in one `replicator run`, looked at every few seconds: rates, history, what stands still, what changed.
actor Daemon {
    nonisolated let flows: [Flow]
    nonisolated let watches: [ClusterWatch]
    nonisolated let history = History()
    nonisolated let events: EventLog
    nonisolated let registry: MetricsRegistry
    nonisolated let logger: Logger
    nonisolated let startedAt = WallClock.milliseconds()

    private var watchdog: ProgressWatchdog
    private var samples: [String: FlowSample] = [:]
    private var stuck: [String: [ProgressWatchdog.Stuck]] = [:]
    private var lastLook: ContinuousClock.Instant?
    private var nextHistory: ContinuousClock.Instant?
    private var peaks: [History.Subject: Double] = [:]
    private(set) var lastReload: ReloadReport?

    /// Between two looks. Longer when looking takes long, so that it never costs more than a hundredth of a core.
    private static let interval: Duration = .seconds(2)
    private static let historyInterval: Duration = .seconds(5)

    init(
        flows: [Flow], watches: [ClusterWatch], stuckAfter: Duration, registry: MetricsRegistry, events: EventLog,
        logger: Logger
    ) {
        self.flows = flows
        self.watches = watches
        self.registry = registry
        self.events = events
        self.logger = logger
        watchdog = ProgressWatchdog(patience: stuckAfter)
    }

    /// Looks at the flows until the task is cancelled.
    func keepLooking() async {
        let clock = ContinuousClock()
        repeat {
            let begin = clock.now
            await look(at: begin)
            let pause = max(Self.interval, (clock.now - begin) * 100)
            guard (try? await Task.sleep(for: pause)) != nil else { return }
        } while true
    }

    func report(reload: ReloadReport) {
        lastReload = reload
    }
}

// One look.
extension Daemon {
    private func look(at now: ContinuousClock.Instant) async {
        var statuses: [FlowStatus] = []
        for flow in flows { statuses.append(await flow.status()) }
        notice(watchdog.look(statuses.flatMap(Self.looks), at: now), statuses)
        let elapsed = lastLook.map { Double(($0.duration(to: now)) / .seconds(1)) } ?? 0
        lastLook = now
        let isDue = nextHistory.map { $0 <= now } ?? true
        if isDue { nextHistory = now + Self.historyInterval }
        for status in statuses {
            let sample = sample(mark(status, at: now), since: samples[status.name], seconds: elapsed)
            if let before = samples[status.name] {
                for move in LeaderMoves.describe(from: before.status, to: status) {
                    logger.info("\(move)", metadata: ["flow": "\(status.name)"])
                }
            }
            samples[status.name] = sample
            Gauge(label: "replicator_stuck_partitions", dimensions: [("flow", status.name)])
                .record(sample.status.partitions.count { $0.isProblem })
            remember(sample, isDue: isDue)
        }
        if isDue { history.forget(before: WallClock.milliseconds() - History.span) }
    }

    private static func looks(_ flow: FlowStatus) -> [ProgressWatchdog.Look] {
        flow.partitions.map {
            ProgressWatchdog.Look(
                flow: flow.name, topic: $0.topic, partition: $0.partition, offset: $0.sourceOffset, lag: $0.lag,
                isMeantToMove: $0.state == .active && flow.state == .running)
        }
    }

    /// Each partition that has come to a standstill is told once.
    private func notice(_ found: [ProgressWatchdog.Stuck], _ statuses: [FlowStatus]) {
        let now = Dictionary(grouping: found, by: \.flow)
        for flow in flows {
            let known = Set((stuck[flow.name] ?? []).map(\.place))
            let fresh = (now[flow.name] ?? []).filter { !known.contains($0.place) }
            if let first = fresh.first {
                let partition = statuses.first { $0.name == flow.name }?.partitions
                    .first { $0.topic == first.topic && $0.partition == first.partition }
                var metadata: Logger.Metadata = [
                    "flow": "\(flow.name)", "topic": "\(first.topic)", "partition": "\(first.partition)",
                    "offset": "\(first.offset)", "lag": "\(first.lag)",
                ]
                metadata["reason"] = partition?.obstacle.map { "\($0)" }
                logger.warning(
                    fresh.count == 1
                        ? "partition makes no progress although there is something to copy"
                        : "\(fresh.count) partitions make no progress although there is something to copy",
                    metadata: metadata)
            }
        }
        stuck = now
    }

    /// The status with what the watchdog knows about its partitions.
    private func mark(_ status: FlowStatus, at now: ContinuousClock.Instant) -> FlowStatus {
        guard let found = stuck[status.name], !found.isEmpty else { return status }
        var status = status
        var since: [String: [Int32: ContinuousClock.Instant]] = [:]
        for one in found { since[one.topic, default: [:]][one.partition] = one.since }
        for index in status.partitions.indices where status.partitions[index].state == .active {
            let partition = status.partitions[index]
            status.partitions[index].stuckForSeconds = since[partition.topic]?[partition.partition].map {
                Int(($0.duration(to: now)) / .seconds(1))
            }
        }
        return status
    }

    private func sample(_ status: FlowStatus, since before: FlowSample?, seconds: Double) -> FlowSample {
        var sample = FlowSample(status: status)
        for partitions in Dictionary(grouping: status.partitions, by: \.topic).values {
            var topic = FlowSample.Topic(partitions)
            let labels = [("flow", status.name), ("topic", topic.topic)]
            let counters = FlowSample.Counters(
                bytes: registry.value("replicator_throughput_bytes_total", labels),
                records: registry.value("replicator_records_total", labels))
            if let earlier = before?.counters[topic.topic], seconds > 0 {
                topic.bytesPerSecond = (counters.bytes - earlier.bytes) / seconds
                topic.recordsPerSecond = (counters.records - earlier.records) / seconds
            }
            let latency = registry.latency("replicator_replication_latency_seconds", labels)
            topic.latencyMean = latency?.mean
            topic.latencyMaximum = latency?.maximum
            sample.counters[topic.topic] = counters
            sample.topics.append(topic)
        }
        sample.topics.sort { $0.topic < $1.topic }
        return sample
    }

    private func remember(_ sample: FlowSample, isDue: Bool) {
        let flow = sample.status.name
        for topic in sample.topics {
            let subject = History.Subject(flow: flow, topic: topic.topic)
            remember(
                subject, lag: topic.lag, topic.bytesPerSecond, topic.recordsPerSecond, topic.latencyMaximum, isDue)
        }
        remember(
            History.Subject(flow: flow), lag: sample.lag, sample.bytesPerSecond, sample.recordsPerSecond,
            sample.latencyMaximum, isDue)
    }

    /// Latencies between two samples are not forgotten: the longest counts.
    private func remember(
        _ subject: History.Subject, lag: Int64, _ bytesPerSecond: Double, _ recordsPerSecond: Double,
        _ latency: Double?, _ isDue: Bool
    ) {
        if let latency { peaks[subject] = max(peaks[subject] ?? 0, latency) }
        guard isDue else { return }
        history.add(
            History.Sample(
                time: WallClock.milliseconds(), lag: Double(lag), bytesPerSecond: bytesPerSecond,
                recordsPerSecond: recordsPerSecond, latency: peaks.removeValue(forKey: subject)), of: subject)
    }
}

// What is told about it.
extension Daemon {
    func document() async -> StatusDocument {
        var documents: [FlowDocument] = []
        for flow in flows {
            let status = mark(await flow.status(), at: .now)
            documents.append(FlowDocument(status, sample: samples[flow.name]))
        }
        var clusters: [StatusDocument.Cluster] = []
        for watch in watches {
            let sight = await watch.sight
            clusters.append(
                StatusDocument.Cluster(
                    sight: sight,
                    throttleSeconds: registry.value("replicator_throttle_seconds_total", [("cluster", sight.name)]),
                    authErrors: registry.value("replicator_auth_errors_total", [("cluster", sight.name)])))
        }
        return StatusDocument(
            version: Replicator.version, startedAt: startedAt, time: WallClock.milliseconds(), clusters: clusters,
            flows: documents, lastReload: lastReload)
    }

    func obstacles() async -> [String] {
        await document().obstacles
    }

    func control(_ command: FlowCommand) async -> ControlAnswer {
        guard let flow = flows.first(where: { $0.name == command.flow }) else {
            let names = flows.map(\.name).joined(separator: ", ")
            return ControlAnswer(status: 404, message: "no flow is called \(command.flow); there are: \(names)")
        }
        guard let scope = PauseScope(topic: command.topic, partition: command.partition) else {
            return ControlAnswer(status: 400, message: "a partition needs its topic")
        }
        do {
            switch command.action {
            case .pause:
                let isNews = try await flow.pause(scope)
                return ControlAnswer(
                    status: 200, message: "\(scope) of flow \(flow.name) \(isNews ? "is paused" : "was paused before")")
            case .resume:
                let isNews = try await flow.resume(scope)
                return ControlAnswer(
                    status: 200, message: "\(scope) of flow \(flow.name) \(isNews ? "goes on" : "was not paused")")
            }
        } catch .unknown {
            return ControlAnswer(status: 404, message: "\(FlowControlError.unknown(flow: flow.name, scope))")
        } catch {
            return ControlAnswer(status: 409, message: "\(error)")
        }
    }
}
