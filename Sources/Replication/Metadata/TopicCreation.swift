package import KafkaClient
internal import KafkaWire

/// Creates topics, as many as the cluster takes: one that is refused keeps no other from it, and a setting that is
/// refused is left out, since managed clusters do not take every setting.
package struct TopicCreation: Sendable {
    package typealias Create =
        @Sendable (_ topics: [NewTopic], _ validateOnly: Bool) async -> Outcomes<String, Void>

    package struct Outcome: Sendable {
        /// The topic as it was created: without the settings that are left out.
        package var topic: NewTopic
        package var error: KafkaError?
        /// Settings that the cluster refuses, with its words.
        package var leftOut: [String: KafkaError] = [:]
    }

    private let create: Create

    package init(_ create: @escaping Create) {
        self.create = create
    }

    /// - Returns: an outcome for each, in the same order.
    package func outcomes(of topics: [NewTopic]) async -> [Outcome] {
        var created = await create(topics, false)
        if topics.count > 1, isRefusedAsAWhole(topics.map { created[$0.name] }) {
            for topic in topics { created.merge(await create([topic], false)) { _, alone in alone } }
        }
        var outcomes: [Outcome] = []
        for topic in topics {
            switch created[topic.name] {
            case .success: outcomes.append(Outcome(topic: topic))
            case .failure(let error): outcomes.append(await withoutRefusedSettings(topic, error))
            case nil:
                outcomes.append(
                    Outcome(topic: topic, error: KafkaError(.cancelled, during: .request(.createTopics), cluster: "")))
            }
        }
        return outcomes
    }

    /// Whether the request may have been refused for what it is, not for each of its topics.
    private func isRefusedAsAWhole(_ outcomes: [Result<Void, KafkaError>?]) -> Bool {
        var codes: Set<ErrorCode> = []
        for outcome in outcomes {
            guard case .failure(let error) = outcome, let code = error.code, !error.isRetriable, !error.isAuthorization
            else { return false }
            codes.insert(code)
        }
        return codes.count == 1 && codes.isDisjoint(with: [.topicAlreadyExists, .invalidTopicException])
    }

    /// Finds out whether single settings are to blame, and creates the topic without them.
    private func withoutRefusedSettings(_ topic: NewTopic, _ error: KafkaError) async -> Outcome {
        let asItIs = Outcome(topic: topic, error: error)
        guard let code = error.code, [.invalidConfig, .policyViolation, .invalidRequest].contains(code),
            !topic.configs.isEmpty, await refusal(of: topic, with: [:]) == nil
        else { return asItIs }
        var outcome = asItIs
        for (key, value) in topic.configs.sorted(by: { $0.key < $1.key }) {
            outcome.leftOut[key] = await refusal(of: topic, with: [key: value])
        }
        guard !outcome.leftOut.isEmpty else { return asItIs }
        outcome.topic.configs = topic.configs.filter { outcome.leftOut[$0.key] == nil }
        switch await create([outcome.topic], false)[topic.name] {
        case .success:
            outcome.error = nil
            return outcome
        case .failure, nil: return asItIs
        }
    }

    /// The cluster's answer to the topic with these settings alone, without anything being created; nil when it takes
    /// it.
    private func refusal(of topic: NewTopic, with configs: [String: String]) async -> KafkaError? {
        var probe = topic
        probe.configs = configs
        if case .failure(let error) = await create([probe], true)[topic.name] { return error }
        return nil
    }
}
