internal import FoundationEssentials
internal import Observability
internal import Replication

/// What `/api/status` answers and `replicator status` shows. Docs/Operations.md describes it.
struct StatusDocument: Sendable, Codable {
    struct Cluster: Sendable, Codable {
        var name: String
        /// Nil before the first look has ended.
        var isUp: Bool?
        var clusterID: String?
        var brokers: Int?
        var error: String?
        var seenAt: Int64?
        /// Since the start of the process.
        var throttleSeconds: Double
        var authErrors: Double

        init(sight: ClusterWatch.Sight, throttleSeconds: Double, authErrors: Double) {
            name = sight.name
            isUp = sight.isUp
            clusterID = sight.clusterID
            brokers = sight.brokers
            error = sight.error
            seenAt = sight.seenAt
            self.throttleSeconds = throttleSeconds
            self.authErrors = authErrors
        }
    }

    var version: String
    /// Milliseconds since 1970.
    var startedAt: Int64
    /// Milliseconds since 1970.
    var time: Int64
    var isReady: Bool
    /// Why the process is not ready.
    var obstacles: [String]
    var clusters: [Cluster]
    var flows: [FlowDocument]
    var lastReload: ReloadReport?

    init(
        version: String, startedAt: Int64, time: Int64, clusters: [Cluster], flows: [FlowDocument],
        lastReload: ReloadReport?
    ) {
        self.version = version
        self.startedAt = startedAt
        self.time = time
        self.clusters = clusters
        self.flows = flows
        self.lastReload = lastReload
        obstacles = clusters.compactMap(\.obstacle) + flows.flatMap(\.obstacles)
        isReady = obstacles.isEmpty
    }

    /// The same document with fewer partitions; what is told about all of them stays.
    func listing(_ selection: PartitionSelection) -> StatusDocument {
        var document = self
        for index in document.flows.indices {
            switch selection {
            case .all: break
            case .problems: document.flows[index].status.partitions.removeAll { !$0.isProblem }
            case .topic(let topic): document.flows[index].status.partitions.removeAll { $0.topic != topic }
            }
        }
        return document
    }

    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Cannot fail: the document holds text and finite numbers.
        guard let data = try? encoder.encode(self) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }
}

extension StatusDocument.Cluster {
    var obstacle: String? {
        guard isUp == false else { return nil }
        return "cluster \(name) cannot be reached: \(error ?? "")"
    }
}

/// A flow in the status document: what the flow says, and what was found by looking at it twice.
struct FlowDocument: Sendable, Codable {
    struct Rates: Sendable, Codable {
        var lag: Int64 = 0
        var bytesPerSecond: Double = 0
        var recordsPerSecond: Double = 0
        /// Replication latency since the look before, in seconds; nil when nothing was acknowledged.
        var latencyMean: Double?
        var latencyMaximum: Double?
        /// By name.
        var topics: [FlowSample.Topic] = []
    }

    var status: FlowStatus
    var rates = Rates()

    init(_ status: FlowStatus, sample: FlowSample?) {
        self.status = status
        guard let sample else { return }
        rates = Rates(
            lag: sample.lag, bytesPerSecond: sample.bytesPerSecond, recordsPerSecond: sample.recordsPerSecond,
            latencyMean: sample.latencyMean, latencyMaximum: sample.latencyMaximum, topics: sample.topics)
    }

    // Both in one JSON object.
    init(from decoder: any Decoder) throws {
        status = try FlowStatus(from: decoder)
        rates = try Rates(from: decoder)
    }

    func encode(to encoder: any Encoder) throws {
        try status.encode(to: encoder)
        try rates.encode(to: encoder)
    }

    /// Why the flow is not ready: it does not run, or a partition of it has stopped or stands still.
    var obstacles: [String] {
        guard status.state == .running else { return ["flow \(status.name) is \(status.state)"] }
        return status.partitions.compactMap { partition in
            let name = "flow \(status.name): \(partition.topic)-\(partition.partition)"
            if partition.state == .failed { return "\(name) has stopped: \(partition.reason ?? "")" }
            guard let seconds = partition.stuckForSeconds else { return nil }
            return "\(name) has made no progress for \(seconds) s at offset \(partition.sourceOffset), "
                + "\(partition.lag) behind" + (partition.obstacle.map { ": \($0)" } ?? "")
        }
    }
}

extension FlowStatus.Partition {
    /// Whether it has stopped or stands still.
    var isProblem: Bool { state == .failed || stuckForSeconds != nil }
}

/// How the last attempt went to take over a changed configuration.
struct ReloadReport: Sendable, Codable {
    /// Milliseconds since 1970.
    var time: Int64
    var isApplied: Bool
    /// What was taken over, or why nothing was.
    var messages: [String]
}
