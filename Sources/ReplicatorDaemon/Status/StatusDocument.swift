internal import FoundationEssentials
package import Observability
internal import Replication

/// The document that `/api/status` answers with and `replicator status` shows. Docs/Operations.md describes it.
package struct StatusDocument: Sendable, Codable {
    package struct Cluster: Sendable, Codable {
        package var name: String
        /// Nil before the first poll has ended.
        package var isUp: Bool?
        package var clusterID: String?
        package var brokers: Int?
        package var error: String?
        package var seenAt: Int64?
        /// Since the start of the process.
        package var throttleSeconds: Double
        package var authErrors: Double

        package init(_ health: ClusterHealth, throttleSeconds: Double, authErrors: Double) {
            name = health.name
            isUp = health.isUp
            clusterID = health.clusterID
            brokers = health.brokers
            error = health.error
            seenAt = health.seenAt
            self.throttleSeconds = throttleSeconds
            self.authErrors = authErrors
        }
    }

    package var version: String
    /// Id of the instance that answers; nil from a version without instances.
    package var instance: String?
    /// Milliseconds since 1970.
    package var startedAt: Int64
    /// Milliseconds since 1970.
    package var time: Int64
    package var isReady: Bool
    /// Reasons why the process is not ready.
    package var obstacles: [String]
    package var clusters: [Cluster]
    package var flows: [FlowDocument]
    package var lastReload: ReloadReport?

    package init(
        version: String, instance: String? = nil, startedAt: Int64, time: Int64, clusters: [Cluster],
        flows: [FlowDocument], lastReload: ReloadReport?
    ) {
        self.version = version
        self.instance = instance
        self.startedAt = startedAt
        self.time = time
        self.clusters = clusters
        self.flows = flows
        self.lastReload = lastReload
        obstacles = []
        isReady = true
        judge()
    }

    /// Conclusions from the clusters and flows that it holds.
    mutating func judge() {
        let down = Set(clusters.filter { $0.isUp == false }.map(\.name))
        for index in flows.indices {
            flows[index].verdict.condition = flows[index].verdict.condition.considering(flows[index].status) {
                down.contains($0)
            }
        }
        obstacles = clusters.compactMap(\.obstacle) + flows.flatMap(\.obstacles)
        isReady = obstacles.isEmpty
    }

    /// Partitions, and topics that wait, that a listing of problems holds of each flow.
    package static let problemLimit = 500
    /// Topics that a listing of problems holds of each flow, trouble first.
    package static let topicLimit = 2_000

    /// The same document with fewer partitions; what is told about all of them stays. A listing of problems is bounded,
    /// however many there are: its counts are those of all.
    package func listing(_ selection: PartitionSelection) -> StatusDocument {
        var document = self
        for index in document.flows.indices {
            switch selection {
            case .all: break
            case .problems: document.flows[index].keepProblems()
            case .topic(let topic): document.flows[index].status.partitions.removeAll { $0.topic != topic }
            }
        }
        return document
    }

    /// The same document about one flow and its two clusters: whether that flow is ready, and why not.
    package func about(flow name: String) -> StatusDocument {
        var document = self
        document.flows.removeAll { $0.status.name != name }
        let used = Set(document.flows.flatMap { [$0.status.source, $0.status.target] })
        document.clusters.removeAll { !used.contains($0.name) }
        document.obstacles = document.clusters.compactMap(\.obstacle) + document.flows.flatMap(\.obstacles)
        document.isReady = document.obstacles.isEmpty
        return document
    }

    package var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Cannot fail: the document holds text and finite numbers.
        guard let data = try? encoder.encode(self) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }
}

extension FlowDocument {
    fileprivate mutating func keepProblems() {
        let limit = StatusDocument.problemLimit
        let problems = status.partitions.filter(\.isProblem)
        if problems.count > limit {
            let failed = problems.filter { $0.state == .failed }
            status.partitions = Array((failed + problems.filter { $0.state != .failed }).prefix(limit))
        } else {
            status.partitions = problems
        }
        if let waiting = status.waiting, waiting.count > limit { status.waiting = Array(waiting.prefix(limit)) }
        if rates.topics.count > StatusDocument.topicLimit {
            rates.topics = Array(rates.topics.troubleFirst.prefix(StatusDocument.topicLimit))
        }
    }
}

extension StatusDocument.Cluster {
    package var obstacle: String? {
        guard isUp == false else { return nil }
        return "cluster \(name) cannot be reached: \(error ?? "")"
    }
}
