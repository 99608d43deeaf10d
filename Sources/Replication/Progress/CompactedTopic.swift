internal import KafkaClient
internal import KafkaWire

/// A compacted topic of one partition on a flow's target, which keeps state: created where it is missing, and its
/// settings mended.
struct CompactedTopic {
    let name: String
    let client: ClusterClient

    private static let policy = (key: "cleanup.policy", value: "compact")
    /// Segments that the log cleaner gets to soon: it never touches the one that is being written.
    private static let segments = [
        "segment.bytes": "\(16 << 20)", "segment.ms": "\(3_600_000)", "min.cleanable.dirty.ratio": "0.1",
    ]

    /// - Throws: also when records of the topic would be deleted by age or size, and that may not be changed.
    func ensure() async throws(KafkaError) {
        let metadata = try await client.metadata(.named([name]))
        if metadata.topics[name]?.partitions.isEmpty ?? true {
            try await create(brokers: metadata.brokers.count)
        } else {
            try await mend()
        }
    }

    private func create(brokers: Int) async throws(KafkaError) {
        let policy = [Self.policy.key: Self.policy.value]
        do throws(KafkaError) {
            try await create(brokers, policy.merging(Self.segments) { first, _ in first })
        } catch  where Self.isRefusal(error) {
            // Managed clusters keep the settings of segments to themselves.
            try await create(brokers, policy)
        }
    }

    private func create(_ brokers: Int, _ configs: [String: String]) async throws(KafkaError) {
        let wanted = NewTopic(
            name, partitions: 1, replicationFactor: Int16(max(1, min(3, brokers))), configs: configs)
        switch await client.createTopics([wanted])[name] {
        // Another instance or flow may have been quicker.
        case .failure(let error) where error.code == .topicAlreadyExists: break
        case .failure(let error): throw error
        case .success, nil: break
        }
    }

    private static func isRefusal(_ error: KafkaError) -> Bool {
        switch error.code {
        case .invalidConfig, .policyViolation, .invalidRequest: true
        default: false
        }
    }

    private func mend() async throws(KafkaError) {
        let topic = ConfigResource.topic(name)
        let keys = [Self.policy.key] + Self.segments.keys.sorted()
        // A principal that may not see the settings cannot judge them: `doctor` asks for the right.
        guard case .success(let found)? = await client.describeConfigs([topic], keys: keys)[topic] else { return }
        let policy = found[Self.policy.key]?.value
        if let policy, policy != Self.policy.value {
            let change = [topic: [Self.policy.key: ConfigChange.set(Self.policy.value)]]
            if case .failure(let error)? = await client.alterConfigs(change)[topic] {
                throw refused(policy, error)
            }
        }
        let missing = Self.segments.filter { key, _ in found[key].map { $0.source != .topic } ?? false }
        guard !missing.isEmpty else { return }
        // It only keeps the topic small; a refusal costs nothing else.
        _ = await client.alterConfigs([topic: missing.mapValues { .set($0) }])
    }

    private func refused(_ policy: String, _ error: KafkaError) -> KafkaError {
        KafkaError(
            .unexpectedAnswer(
                "its cleanup.policy is \(policy), so that state would be deleted with time, and it cannot be changed "
                    + "(\(error.withoutCluster)): set cleanup.policy=compact on it with kafka-configs"),
            during: .request(.incrementalAlterConfigs), cluster: client.settings.name, topic: name, partition: 0)
    }
}
