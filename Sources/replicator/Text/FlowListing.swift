internal import KafkaClient
internal import PlainText
internal import Replication
internal import ReplicationTools
internal import ReplicatorConfig

/// The flows that clusters know of, beside what the configuration says about them.
struct FlowListing: Sendable {
    /// A known flow, with what the configuration adds.
    struct Entry: Encodable, Sendable {
        var known: KnownFlow
        /// Name of the source cluster in the configuration; nil when no flow there tells it.
        var source: String?
        /// True if the configuration has a flow of this name to this cluster.
        var isConfigured: Bool

        private enum Key: String, CodingKey { case source, configured }

        func encode(to encoder: any Encoder) throws {
            try known.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encodeIfPresent(source, forKey: .source)
            try container.encode(isConfigured, forKey: .configured)
        }
    }

    /// The form of `--json`.
    struct Document: Encodable, Sendable {
        var flows: [Entry]
        /// The reason why a cluster could not be asked, by its name.
        var failures: [String: String]
    }

    private let configuration: ConfigFile
    private var entries: [Entry] = []
    /// The reason why a cluster could not be asked, by its name.
    var failures: [String: String] = [:]

    init(configuration: ConfigFile) {
        self.configuration = configuration
    }

    mutating func add(_ flows: [KnownFlow]) {
        entries += flows.map { known in
            let configured = configuration.flows.first { $0.name == known.flow && $0.target.name == known.cluster }
            return Entry(known: known, source: configured?.source.name, isConfigured: configured != nil)
        }
    }

    /// True if every cluster answered and each memory was read.
    var isWhole: Bool { failures.isEmpty && entries.allSatisfy { $0.known.problem == nil } }

    var document: Document { Document(flows: entries, failures: failures) }

    /// - Parameter now: milliseconds since 1970.
    func text(now: Int64) -> String {
        var lines: [String] = []
        if entries.isEmpty {
            if failures.isEmpty { lines.append("no flow has left anything on these clusters") }
        } else {
            var table = TextTable([
                "CLUSTER": .left, "FLOW": .left, "FROM": .left, "NAMING": .left, "TOPICS": .right, "PARTITIONS": .right,
                "RECORDED": .left, "IN FILE": .left,
            ])
            for entry in entries { table.add(row(entry, now)) }
            lines += table.lines
        }
        lines += entries.compactMap { entry in
            entry.known.problem.map { "\(entry.known.cluster) \(entry.known.flow): cannot be read: \($0.printable())" }
        }
        lines += failures.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.printable())" }
        return lines.joined(separator: "\n")
    }

    private func row(_ entry: Entry, _ now: Int64) -> [String] {
        let known = entry.known
        let age = known.lastRecorded.map {
            Quantities.seconds(Double(max(0, now.saturatingSubtracting($0))) / 1_000) + " ago"
        }
        return [
            known.cluster, known.flow, entry.source ?? known.sourceClusterID ?? "-", known.naming ?? "-",
            "\(known.topics)", "\(known.partitions)", age ?? "-", entry.isConfigured ? "yes" : "no",
        ]
    }
}
