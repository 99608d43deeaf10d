package import KafkaClient

/// Settings on the target of a topic that sets nothing itself.
package struct TargetDefaults: Sendable {
    /// Settings whose difference costs or keeps data: where the brokers' defaults differ, the source's value in effect
    /// is pinned on the copy.
    static let pinnedKeys = ["cleanup.policy", "retention.bytes", "retention.ms"]

    /// Broker keys by the topic key that they are the default of, where both have one unit.
    private static let brokerKeys: KeyValuePairs = [
        "cleanup.policy": "log.cleanup.policy", "compression.type": "compression.type",
        "max.message.bytes": "message.max.bytes", "message.timestamp.type": "log.message.timestamp.type",
        "min.insync.replicas": "min.insync.replicas", "retention.bytes": "log.retention.bytes",
        "segment.bytes": "log.segment.bytes", "unclean.leader.election.enable": "unclean.leader.election.enable",
    ]

    /// The topic keys that the target knows; nil when no topic could be asked about.
    private(set) var knownKeys: Set<String>?
    /// The settings in effect, by topic key; a key that could not be found out is missing.
    package private(set) var entries: [String: ConfigEntry]

    /// Nothing is known: then every pinned key is pinned.
    static let unknown = TargetDefaults(knownKeys: nil, entries: [:])

    private init(knownKeys: Set<String>?, entries: [String: ConfigEntry]) {
        self.knownKeys = knownKeys
        self.entries = entries
    }

    /// Defaults that a topic of the target shows, which was described with those that its own values hide.
    package init(topic described: [String: ConfigEntry]) {
        knownKeys = Set(described.keys)
        entries = [:]
        for (key, entry) in described {
            guard entry.source == .topic else {
                entries[key] = entry
                continue
            }
            // What lies under a value of its own is told in the broker's key, whose unit may be hours.
            guard !Self.isTime(key), let inherited = entry.inherited else { continue }
            entries[key] = ConfigEntry(name: key, value: inherited, source: entry.inheritedFrom ?? .builtIn)
        }
    }

    /// Defaults by a broker's own settings, for a target without topics. Of the three keys for time the smallest unit
    /// counts, as in Kafka.
    package init(broker described: [String: ConfigEntry]) {
        knownKeys = nil
        entries = [:]
        let units: KeyValuePairs = [
            "log.retention.ms": 1, "log.retention.minutes": 60_000, "log.retention.hours": 3_600_000,
        ]
        for (key, unit) in units where entries["retention.ms"] == nil {
            guard let entry = described[key], let time = entry.value.flatMap({ Int64($0) }) else { continue }
            // More than for ever is for ever.
            let (milliseconds, isOverflow) = time.multipliedReportingOverflow(by: Int64(unit))
            let value = "\(time < 0 ? time : isOverflow ? .max : milliseconds)"
            entries["retention.ms"] = ConfigEntry(name: "retention.ms", value: value, source: entry.source)
        }
        for (key, brokerKey) in Self.brokerKeys {
            guard let entry = described[brokerKey], let value = entry.value else { continue }
            entries[key] = ConfigEntry(name: key, value: value, source: entry.source)
        }
    }

    /// True if a setting that costs data is not known.
    var lacksPinned: Bool { !Self.pinnedKeys.allSatisfy { entries[$0] != nil } }

    /// Adds what another source tells, where nothing is known.
    mutating func add(_ other: TargetDefaults) {
        entries.merge(other.entries) { known, _ in known }
    }

    private static func isTime(_ key: String) -> Bool { key.hasSuffix(".ms") }
}
