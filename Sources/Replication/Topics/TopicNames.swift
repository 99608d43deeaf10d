internal import BoundedExpressions
internal import KafkaClient
internal import KafkaWire
internal import Synchronization

/// Names on the target of topics of the source, decided once for each name.
///
/// Expressions are slow: with ten thousand topics a look at the cluster would cost half a second of computing, every
/// few seconds, to come to what is known already.
final class TopicNames: Sendable {
    fileprivate struct Known {
        let selector: TopicSelector
        var names: [String: Name] = [:]
        /// The source's topics for which ``excluded`` was found.
        var lookedAt: [String: Bool]?
        var excluded: [FlowStatus.ExcludedTopic] = []
    }

    fileprivate enum Name {
        case copied(as: String)
        case notCopied
        /// An expression came to no answer.
        case undecided(UndecidedMatch)
    }

    private let known: Mutex<Known>

    init(_ settings: FlowSettings) {
        known = Mutex(
            Known(
                selector: TopicSelector(
                    selection: settings.topics, naming: settings.naming, targetAlias: settings.targetAlias)))
    }

    /// The topics that the flow copies, by name.
    func select(_ metadata: ClusterMetadata) -> [SelectedTopic] {
        known.withLock { known in
            known.forget(whenMoreThan: metadata.topics.count)
            let selected = metadata.topics.values.compactMap { topic -> SelectedTopic? in
                guard topic.error == .none, !topic.isInternal, let name = known.targetName(of: topic.name) else {
                    return nil
                }
                return SelectedTopic(source: topic, targetName: name)
            }
            return selected.sorted { $0.source.name < $1.source.name }
        }
    }

    /// Decides about names that were not seen before, a few at a time: whoever may create topics may have created a
    /// hundred thousand that are slow to match, and a flow that is told to stop meanwhile does.
    func learn(_ metadata: ClusterMetadata) async {
        known.withLock { $0.forget(whenMoreThan: metadata.topics.count) }
        let names = metadata.topics.values.filter { $0.error == .none && !$0.isInternal }.map(\.name)
        var rest = names[...]
        while !rest.isEmpty, !Task.isCancelled {
            let some = rest.prefix(Self.atOnce)
            known.withLock { known in for name in some { _ = known.targetName(of: name) } }
            rest = rest.dropFirst(some.count)
            await Task.yield()
        }
    }

    private static let atOnce = 500

    /// Topics that the flow does not copy since an expression came to no answer about them, by name.
    func undecided(_ metadata: ClusterMetadata) -> [UndecidedMatch] {
        known.withLock { known in
            known.names.values.compactMap { name in
                guard case .undecided(let match) = name, metadata.topics[match.subject] != nil else { return nil }
                return match
            }
        }.sorted { $0.subject < $1.subject }
    }

    /// Topics that the user means and that are never copied, by name.
    func excluded(_ metadata: ClusterMetadata) -> [FlowStatus.ExcludedTopic] {
        let topics = metadata.topics.mapValues(\.isInternal)
        return known.withLock { known in
            if known.lookedAt != topics {
                known.excluded = known.selector.excluded(topics)
                known.lookedAt = topics
            }
            return known.excluded
        }
    }

    /// Name on the target of a topic that is not one of Kafka's own; nil when the flow does not copy it.
    func targetName(of topic: String) -> String? {
        known.withLock { $0.targetName(of: topic) }
    }
}

extension TopicNames.Known {
    fileprivate mutating func targetName(of topic: String) -> String? {
        let name = names[topic] ?? decide(topic)
        guard case .copied(let copy) = name else { return nil }
        return copy
    }

    /// Names of topics that are gone are forgotten with those of the others, before they add up.
    fileprivate mutating func forget(whenMoreThan count: Int) {
        if names.count > 2 * count + 100 { names = [:] }
    }

    private mutating func decide(_ topic: String) -> TopicNames.Name {
        let name: TopicNames.Name
        do throws(UndecidedMatch) {
            name = try selector.target(of: topic, isInternal: false).map { .copied(as: $0) } ?? .notCopied
        } catch {
            name = .undecided(error)
        }
        names[topic] = name
        return name
    }
}
