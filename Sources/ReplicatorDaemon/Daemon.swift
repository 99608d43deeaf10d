internal import KafkaClient
package import Logging
internal import Metrics
package import Observability
package import Replication

/// The flows of one `replicator run`, polled every few seconds: rates, history, standstills, changes.
package actor Daemon {
    package nonisolated let flows: RunningFlows
    package nonisolated let watches: ClusterWatches
    package nonisolated let history = History()
    package nonisolated let events: EventLog
    package nonisolated let registry: MetricsRegistry
    package nonisolated let logger: Logger
    private nonisolated let version: String
    /// This process among those that share the flows; nil for one that shares them with nobody.
    private nonisolated let instance: InstanceSettings?
    private nonisolated let others: OtherInstances?
    package nonisolated let client: InstanceClient?
    private nonisolated let startedAt: Int64
    nonisolated let wallClock: @Sendable () -> Int64

    private var standstills: Standstills
    private var samples: [String: FlowSample] = [:]
    private var lastPoll: ContinuousClock.Instant?
    private var recorder: HistoryRecorder
    private var lastReload: ReloadReport?
    private var groupSeries: [String: GroupSeries] = [:]
    private var instanceSeries: [String: InstanceSeries] = [:]
    private nonisolated let series: SeriesLimits

    /// Between two polls. Longer when polling takes long, so that it costs little; but never so long that what is shown
    /// is older than a few seconds.
    private static let interval: Duration = .seconds(2)
    private static let longestInterval: Duration = .seconds(4)

    /// - Parameters:
    ///   - series: bounds on the metrics of each flow.
    ///   - stuckAfter: how long lag without progress is nothing to worry about.
    ///   - version: the program's, as the status document tells it.
    ///   - instance: this process among those that share the flows.
    ///   - client: asks the others; nil where nobody is asked.
    ///   - wallClock: milliseconds since 1970.
    package init(
        flows: RunningFlows, watches: ClusterWatches, series: SeriesLimits = SeriesLimits(), stuckAfter: Duration,
        version: String, instance: InstanceSettings? = nil, client: InstanceClient? = nil, registry: MetricsRegistry,
        events: EventLog, logger: Logger, wallClock: @escaping @Sendable () -> Int64
    ) {
        self.flows = flows
        self.watches = watches
        self.version = version
        self.instance = instance
        self.client = client
        others = client.map { client in OtherInstances(wallClock: wallClock) { await client.ask($0, $1) } }
        self.series = series
        self.registry = registry
        self.events = events
        self.logger = logger
        self.wallClock = wallClock
        startedAt = wallClock()
        standstills = Standstills(patience: stuckAfter)
        recorder = HistoryRecorder(history)
        registry.set("replicator_build_info", [("version", version), ("architecture", Self.architecture)], to: 1)
        if let instance {
            registry.set(
                "replicator_instance_info",
                [("id", instance.id), ("address", instance.address ?? ""), ("rack", instance.rack ?? "")], to: 1)
        }
    }

    private static var architecture: String {
        #if arch(x86_64)
        "x86_64"
        #elseif arch(arm64)
        "aarch64"
        #else
        "other"
        #endif
    }

    /// Polls the flows until the task is cancelled.
    func keepPolling() async {
        let clock = ContinuousClock()
        repeat {
            let begin = clock.now
            await poll(at: begin)
            guard (try? await Task.sleep(for: Self.pause(afterPollOf: clock.now - begin))) != nil else { return }
        } while true
    }

    /// The pause before the next poll. What the poll itself took is part of the age of what it found.
    package static func pause(afterPollOf time: Duration) -> Duration {
        let wanted = min(max(interval, time * 100), longestInterval)
        return max(.milliseconds(500), min(wanted, .seconds(5) - time))
    }

    func report(reload: ReloadReport) {
        lastReload = reload
    }

    /// - Parameter patience: how long lag without progress is nothing to worry about, from now on.
    func worry(after patience: Duration) {
        standstills.worry(after: patience)
    }

    /// - Parameter changed: names of clusters whose settings are new.
    func watch(_ clusters: [ClusterSettings], changed: Set<String>) async {
        for gone in await watches.update(to: clusters, changed: changed) {
            registry.remove(label: "cluster", value: gone)
        }
    }

    /// Nothing is told any more of flows that are gone.
    private func forget(_ gone: some Sequence<String>) {
        for flow in gone {
            samples[flow] = nil
            instanceSeries[flow] = nil
            registry.remove(label: "flow", value: flow)
        }
    }

    private func poll(at now: ContinuousClock.Instant) async {
        var statuses: [FlowStatus] = []
        for flow in await flows.flows { statuses.append(await flow.status()) }
        let names = Set(statuses.map(\.name))
        standstills.keep(names)
        forget(samples.keys.filter { !names.contains($0) })
        for warning in standstills.update(statuses, at: now) {
            logger.warning("\(warning.message)", metadata: warning.metadata)
        }
        for flow in standstills.takeEnded() {
            logger.info("every partition makes progress again, or has nothing to copy", metadata: ["flow": "\(flow)"])
        }
        let elapsed = lastPoll.map { Double(($0.duration(to: now)) / .seconds(1)) } ?? 0
        lastPoll = now
        for status in statuses {
            let before = samples[status.name]
            if let before {
                for move in LeaderMoves.describe(from: before.status, to: status) {
                    logger.info("\(move)", metadata: ["flow": "\(status.name)"])
                }
            }
            let measurements = status.measurements
            let sample = FlowSample(standstills.marking(status, at: now), since: before, seconds: elapsed) { topic in
                var found = measurements[topic] ?? TopicMeasurement(bytes: 0, records: 0)
                found.latency = registry.latency(flow: status.name, topic: topic)
                return found
            }
            samples[status.name] = sample
            Gauge(label: "replicator_stuck_partitions", dimensions: [("flow", status.name)])
                .record(sample.status.partitions.count { $0.isProblem })
            Gauge(label: "replicator_waiting_topics", dimensions: [("flow", status.name)])
                .record(status.waiting?.count ?? 0)
            let filling = FlowCounts(status).filling
            Gauge(label: "replicator_offsets_to_fill", dimensions: [("flow", status.name)])
                .record(filling.map { max(0, $0.end - $0.done) } ?? 0)
            Gauge(label: "replicator_flow_running", dimensions: [("flow", status.name)])
                .record(status.state == .running && status.reason == nil ? 1 : 0)
            for state in FlowStatus.State.allCases {
                Gauge(label: "replicator_flow_state", dimensions: [("flow", status.name), ("state", state.rawValue)])
                    .record(status.state == state ? 1 : 0)
            }
            instanceSeries[status.name, default: InstanceSeries(flow: status.name)].update(status)
            groupSeries[status.name, default: GroupSeries(flow: status.name, limit: series.groups)]
                .update(status, registry)
        }
        recorder.record(statuses.compactMap { samples[$0.name] }, at: now, time: wallClock())
    }

    /// The document that `/api/status` answers with.
    package func document(_ query: StatusQuery) async -> StatusDocument {
        let own = await document()
        let instances = query.scope == .flow ? own.otherInstances : []
        guard let others, !instances.isEmpty else { return own.listing(query.partitions) }
        await others.keep(Set(instances))
        let answers = await others.documents(instances, query.partitions.path)
        var whole = own.joined(with: answers, listing: query.partitions).listing(query.partitions)
        // The answers have taken their time.
        whole.time = wallClock()
        return whole
    }

    /// Answers of the other instances to a request for their own parts.
    ///
    /// - Parameter path: with a query.
    package func answersOfOthers(_ path: String) async -> [String] {
        guard let others else { return [] }
        let instances = await document().otherInstances
        return await others.texts(instances, path + (path.hasSuffix("?") ? "" : "&") + "scope=instance")
    }

    /// The state of this instance alone.
    package func readiness() async -> Readiness {
        let document = await document()
        return Readiness(obstacles: document.obstacles, remarks: document.flows.compactMap(\.partInWords))
    }

    /// The part of this instance alone.
    package func document() async -> StatusDocument {
        var documents: [FlowDocument] = []
        for flow in await flows.flows {
            let status = standstills.marking(await flow.status(), at: .now)
            let age = lastPoll.map { ($0.duration(to: .now) / .milliseconds(1)).rounded() / 1_000 }
            documents.append(
                FlowDocument(status, sample: samples[flow.name]?.updated(by: status), sampleAge: age))
        }
        var clusters: [StatusDocument.Cluster] = []
        for watch in await watches.all {
            let health = await watch.health
            clusters.append(
                StatusDocument.Cluster(
                    health,
                    throttleSeconds: registry.value("replicator_throttle_seconds_total", [("cluster", health.name)]),
                    authErrors: registry.value("replicator_auth_errors_total", [("cluster", health.name)])))
        }
        return StatusDocument(
            version: version, instance: instance?.id, startedAt: startedAt, time: wallClock(), clusters: clusters,
            flows: documents,
            lastReload: lastReload)
    }
}
