package import KafkaClient
internal import KafkaWire

/// Creates topics, as many as the cluster takes: one that is refused keeps no other from it, and a setting that is
/// refused is left out, since clusters of another version and managed ones do not take every setting.
package struct TopicCreation: Sendable {
    package typealias Create =
        @Sendable (_ topics: [NewTopic], _ validateOnly: Bool) async -> Outcomes<String, Void>

    package struct Outcome: Sendable {
        /// The topic as it was created: without the settings that are left out or left over.
        package var topic: NewTopic
        package var error: KafkaError?
        /// Settings that the cluster refuses, with its words.
        package var leftOut: [String: KafkaError] = [:]
        /// Settings about which the cluster did not answer: they are to be set, one by one, on the topic that is there.
        package var leftOver: [String: String] = [:]
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

    /// Tells whether the request may have been refused for what it is, not for each of its topics.
    private func isRefusedAsAWhole(_ outcomes: [Result<Void, KafkaError>?]) -> Bool {
        var codes: Set<ErrorCode> = []
        for outcome in outcomes {
            guard case .failure(let error) = outcome, let code = error.code, !error.isRetriable, !error.isAuthorization
            else { return false }
            codes.insert(code)
        }
        return codes.count == 1 && codes.isDisjoint(with: [.topicAlreadyExists, .invalidTopicException])
    }

    /// Finds out whether settings are to blame, and creates the topic without them.
    private func withoutRefusedSettings(_ topic: NewTopic, _ error: KafkaError) async -> Outcome {
        guard error.mayBlameSettings, !topic.configs.isEmpty else { return Outcome(topic: topic, error: error) }
        do throws(KafkaError) {
            var outcome = Outcome(topic: topic)
            outcome.leftOut = try await refusedSettings(of: topic)
            outcome.topic.configs = topic.configs.filter { outcome.leftOut[$0.key] == nil }
            if !outcome.leftOut.isEmpty, try await refusal(of: outcome.topic, validateOnly: false) == nil {
                return outcome
            }
            // A cluster may refuse to be asked, or refuse by the request what it takes when asked.
            outcome.leftOut = [:]
            outcome.topic.configs = [:]
            guard try await refusal(of: outcome.topic, validateOnly: false) == nil else {
                return Outcome(topic: topic, error: error)
            }
            outcome.leftOver = topic.configs
            return outcome
        } catch {
            return Outcome(topic: topic, error: error)
        }
    }

    /// Settings without which the cluster would take the topic; none when that cannot be found out.
    private func refusedSettings(of topic: NewTopic) async throws(KafkaError) -> [String: KafkaError] {
        guard let withoutAny = try await refusal(of: topic, with: [:]) else { return try await refusedOneByOne(topic) }
        // It demands some of the others.
        for (key, value) in topic.configs.sorted(by: { $0.key < $1.key }) {
            var others = topic.configs
            others[key] = nil
            guard !others.isEmpty, try await refusal(of: topic, with: others) == nil else { continue }
            return [key: try await refusal(of: topic, with: [key: value]) ?? withoutAny]
        }
        return [:]
    }

    /// Settings that are refused beside those that are taken. A setting may need another one that comes later, so those
    /// that were refused are asked about again as long as that brings a further one in.
    private func refusedOneByOne(_ topic: NewTopic) async throws(KafkaError) -> [String: KafkaError] {
        var taken: [String: String] = [:]
        var refused: [String: KafkaError] = [:]
        var isProgress = true
        while isProgress {
            isProgress = false
            for (key, value) in topic.configs.sorted(by: { $0.key < $1.key }) where taken[key] == nil {
                refused[key] = try await refusal(of: topic, with: taken.merging([key: value]) { _, new in new })
                guard refused[key] == nil else { continue }
                taken[key] = value
                isProgress = true
            }
        }
        return refused
    }

    /// The cluster's answer to the topic with these settings, without anything being created; nil when it takes it.
    private func refusal(of topic: NewTopic, with configs: [String: String]) async throws(KafkaError) -> KafkaError? {
        var probe = topic
        probe.configs = configs
        return try await refusal(of: probe, validateOnly: true)
    }

    /// - Throws: what has nothing to do with settings: then nothing follows from it about them.
    private func refusal(of topic: NewTopic, validateOnly: Bool) async throws(KafkaError) -> KafkaError? {
        guard case .failure(let error) = await create([topic], validateOnly)[topic.name] else { return nil }
        guard error.mayBlameSettings else { throw error }
        return error
    }
}

extension KafkaError {
    /// A topic or its settings were refused for what they are, so that single settings may be to blame and the
    /// others should not suffer for it.
    var mayBlameSettings: Bool {
        guard let code, !isRetriable, !isAuthorization else { return false }
        return ![.topicAlreadyExists, .invalidTopicException, .invalidReplicationFactor, .invalidPartitions]
            .contains(code)
    }
}
