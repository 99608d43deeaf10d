package import KafkaClient

/// Settings on the target of a topic that sets nothing itself.
package struct TargetDefaults: Sendable {
    /// Settings whose difference costs or keeps data: where the brokers' defaults differ, the source's value in effect
    /// is pinned on the copy.
    static let pinnedKeys = ["cleanup.policy", "retention.bytes", "retention.ms"]

    /// The topic keys that the target knows; nil when no topic could be asked about.
    var knownKeys: Set<String>?
    /// The values of the pinned keys; a key that could not be found out is missing.
    var values: [String: String]

    /// Nothing is known: then every pinned key is pinned.
    static let unknown = TargetDefaults(knownKeys: nil, values: [:])

    init(knownKeys: Set<String>?, values: [String: String]) {
        self.knownKeys = knownKeys
        self.values = values
    }

    /// As a topic of the target shows them, which was described with what its own values hide.
    package init(topic entries: [String: ConfigEntry]) {
        knownKeys = Set(entries.keys)
        values = [:]
        for key in Self.pinnedKeys {
            guard let entry = entries[key] else { continue }
            // What lies under a value of its own is told in the broker's key, whose unit may be hours.
            let isSameUnit = key != "retention.ms"
            values[key] = entry.source != .topic ? entry.value : isSameUnit ? entry.inherited : nil
        }
    }

    /// As a broker's own settings say, for a target without topics. Of the three keys for time the smallest unit
    /// counts, as in Kafka.
    package init(broker entries: [String: ConfigEntry]) {
        knownKeys = nil
        values = [:]
        func number(_ key: String) -> Int64? { entries[key]?.value.flatMap { Int64($0) } }
        let units: KeyValuePairs = [
            "log.retention.ms": 1, "log.retention.minutes": 60_000, "log.retention.hours": 3_600_000,
        ]
        for (key, unit) in units {
            guard values["retention.ms"] == nil, let time = number(key) else { continue }
            // More than for ever is for ever.
            let (milliseconds, isOverflow) = time.multipliedReportingOverflow(by: Int64(unit))
            values["retention.ms"] = "\(time < 0 ? time : isOverflow ? .max : milliseconds)"
        }
        values["retention.bytes"] = entries["log.retention.bytes"]?.value
        values["cleanup.policy"] = entries["log.cleanup.policy"]?.value
    }
}
