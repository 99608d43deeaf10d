internal import BoundedExpressions
package import KafkaClient
internal import KafkaWire

/// Reads what sync compares, in requests of bounded size.
package struct MetadataObserver: Sendable {
    let settings: FlowSettings
    let source: ClusterClient
    let target: ClusterClient
    private let topicNames: TopicNames

    package init(settings: FlowSettings, source: ClusterClient, target: ClusterClient) {
        self.settings = settings
        self.source = source
        self.target = target
        topicNames = TopicNames(settings)
    }

    /// Resources named in one request; an answer holds about 4 KiB for each.
    private static let batch = 250

    /// The source topics that the flow copies, by name.
    package func select(_ metadata: ClusterMetadata) -> [SelectedTopic] {
        topicNames.select(metadata)
    }

    /// Decides about topics that were not seen before, so that ``select(_:)`` takes no time. Ends when cancelled.
    package func learnNames(_ metadata: ClusterMetadata) async { await topicNames.learn(metadata) }

    /// Notes on topics that are not copied since an expression came to no answer about them; ask after ``select(_:)``.
    package func undecided(_ metadata: ClusterMetadata) -> [SyncNote] {
        let undecided = topicNames.undecided(metadata)
        var notes = undecided.prefix(Self.shownUndecided).map { match in
            SyncNote(
                kind: .undecidedName, subject: match.subject,
                message: "topic \(match.subject) of \(settings.source.name) is not copied: \(match)")
        }
        if undecided.count > notes.count {
            notes.append(
                SyncNote(
                    kind: .undecidedName, subject: "topics",
                    message: "more topics of \(settings.source.name) than the \(notes.count) that are named are not "
                        + "copied, since expressions come to no answer about them"))
        }
        return notes
    }

    /// Notes on topics that are not copied since they are copies of the target's own.
    func returning(_ topics: Set<String>) -> [SyncNote] {
        topics.sorted().prefix(Self.shownUndecided).map { topic in
            SyncNote(
                kind: .returning, subject: topic,
                message: "topic \(topic) of \(settings.source.name) is not copied: by what the flows to "
                    + "\(settings.source.name) have recorded it holds copies from \(settings.target.name), and would come "
                    + "round under a longer name each time")
        }
    }

    /// Topics that are asked for and never copied.
    package func excluded(_ metadata: ClusterMetadata) -> [FlowStatus.ExcludedTopic] { topicNames.excluded(metadata) }

    /// Notes on topics that are asked for and never copied.
    package func notes(on excluded: [FlowStatus.ExcludedTopic]) -> [SyncNote] {
        var notes = excluded.prefix(Self.shownUndecided).map { topic in
            SyncNote(
                kind: .neverCopied, subject: topic.topic, message: topic.sentence(source: settings.source.name))
        }
        if excluded.count > notes.count {
            notes.append(
                SyncNote(
                    kind: .neverCopied, subject: "topics",
                    message:
                        "more topics of \(settings.source.name) than the \(notes.count) that are named are asked for "
                        + "and never copied"))
        }
        return notes
    }

    /// Topics that are named: whoever may create one may create thousands.
    private static let shownUndecided = 20

    /// Name on the target of a topic that is not one of Kafka's own; nil when the flow does not copy it.
    func targetName(of topic: String) -> String? { topicNames.targetName(of: topic) }

    /// Adds the settings of source topics.
    ///
    /// - Returns: errors by topic, where the settings could not be read and another attempt may help.
    package func readSourceConfigs(
        of topics: [SelectedTopic], into seen: inout SyncObservation
    ) async -> [String: KafkaError] {
        var errors: [String: KafkaError] = [:]
        for (name, outcome) in await configs(of: topics.map(\.source.name), at: source) {
            switch outcome {
            case .success(let entries): seen.sourceConfigs[name] = entries
            case .failure(let error) where error.isAuthorization || error.isNotOffered:
                seen.withoutConfigs.insert(name)
                seen.notes.append(
                    unreadable(error, "settings of \(name)", .describeConfigs, on: .topic, name, of: settings.source))
            case .failure(let error): errors[name] = error
            }
        }
        return errors
    }

    /// Adds the settings of target topics; those that cannot be read are left alone this time.
    package func readTargetConfigs(of topics: [SelectedTopic], into seen: inout SyncObservation) async {
        for (name, outcome) in await configs(of: topics.map(\.targetName), at: target) {
            switch outcome {
            case .success(let entries): seen.targetConfigs[name] = entries
            case .failure(let error):
                seen.notes.append(
                    unreadable(error, "settings of \(name)", .describeConfigs, on: .topic, name, of: settings.target))
            }
        }
    }

    /// Defaults of the target for topics without settings: as the flow's own progress topic shows it, or any other
    /// topic, or a broker.
    package func defaults(_ metadata: ClusterMetadata) async -> TargetDefaults {
        let progress = ProgressTopic.name(flow: settings.name)
        let there = metadata.topics.values.filter { $0.error == .none && !$0.partitions.isEmpty }.map(\.name).sorted()
        if let topic = there.first(where: { $0 == progress }) ?? there.first {
            let described = await target.describeConfigs([.topic(topic)], withInherited: true)[.topic(topic)]
            if case .success(let entries) = described {
                var defaults = TargetDefaults(topic: entries)
                if defaults.lacksPinned { defaults.add(await brokerDefaults(metadata)) }
                return defaults
            }
        }
        return await brokerDefaults(metadata)
    }

    private func brokerDefaults(_ metadata: ClusterMetadata) async -> TargetDefaults {
        guard let broker = metadata.brokers.keys.min() else { return .unknown }
        guard case .success(let entries) = await target.describeConfigs([.broker(broker)])[.broker(broker)] else {
            return .unknown
        }
        return TargetDefaults(broker: entries)
    }

    /// Adds the settings of the groups that the flow selects, in turn where they are very many.
    ///
    /// - Parameter turn: picks those of this look.
    package func readGroupConfigs(
        into seen: inout SyncObservation, turn: ([GroupListing]) -> [GroupListing] = { $0 }
    ) async {
        let selector = GroupSelector(settings)
        var names: [(source: String, target: String)] = []
        do throws(KafkaError) {
            let groups = try await source.listGroups().sorted { $0.id < $1.id }
            // Expressions without an answer are told of where positions are kept in step.
            for group in turn(groups.filter { selector.targetName(of: $0.id) != nil }) {
                if let target = selector.targetName(of: group.id) { names.append((group.id, target)) }
            }
        } catch {
            seen.notes.append(unreadable(error, "settings of groups", .describe, on: .cluster, "", of: settings.source))
            return
        }
        let atSource = await groupConfigs(names.map(\.source), at: source, &seen)
        let atTarget = await groupConfigs(names.map(\.target), at: target, &seen)
        seen.groups = names.compactMap { name, targetName in
            guard let source = atSource[.group(name)], let target = atTarget[.group(targetName)] else { return nil }
            return SyncObservation.Group(name: name, targetName: targetName, source: source, target: target)
        }
    }

    private func groupConfigs(
        _ names: [String], at cluster: ClusterClient, _ seen: inout SyncObservation
    ) async -> [ConfigResource: [String: ConfigEntry]] {
        var found: [ConfigResource: [String: ConfigEntry]] = [:]
        for names in names.chunked(by: Self.batch) {
            for (resource, outcome) in await cluster.describeConfigs(names.map { .group($0) }) {
                switch outcome {
                case .success(let entries): found[resource] = entries
                case .failure(let error) where error.code == .invalidRequest || error.isNotOffered:
                    seen.notes.append(
                        SyncNote(
                            kind: .notPossible, subject: cluster.settings.name,
                            message: "\(cluster.settings.name) keeps no settings of groups "
                                + "(\(error.code.map { "\($0)" } ?? "not offered")): none are copied; set "
                                + "sync.groupConfigs to false if that is intended"))
                    return [:]
                case .failure(let error):
                    seen.notes.append(
                        unreadable(
                            error, "settings of \(resource)", .describeConfigs, on: .group, resource.name,
                            of: cluster.settings))
                }
            }
        }
        return found
    }

    /// Adds the access rules of both clusters.
    package func readAcls(into seen: inout SyncObservation) async {
        do throws(KafkaError) {
            let atSource = try await rules(of: source, &seen)
            let atTarget = try await rules(of: target, &seen)
            if let atSource, let atTarget { seen.acls = .init(source: atSource, target: atTarget) }
        } catch {
            let settings = error.cluster == self.settings.source.name ? self.settings.source : self.settings.target
            seen.notes.append(unreadable(error, "access rules", .describe, on: .cluster, "", of: settings))
        }
    }

    /// Nil, and a note, for a cluster that has none.
    private func rules(
        of cluster: ClusterClient, _ seen: inout SyncObservation
    ) async throws(KafkaError) -> [AccessRule]? {
        do throws(KafkaError) {
            return try await cluster.accessRules()
        } catch  where error.isNotOffered {
            seen.notes.append(
                SyncNote(
                    kind: .noAuthorizer, subject: cluster.settings.name,
                    message:
                        "\(cluster.settings.name) keeps no access rules (\(error.code.map { "\($0)" } ?? "not offered")): "
                        + "none are copied; set sync.acls to false if that is intended"))
            return nil
        }
    }

    /// Adds the quotas of both clusters.
    package func readQuotas(into seen: inout SyncObservation) async {
        do throws(KafkaError) {
            seen.quotas = .init(source: try await source.clientQuotas(), target: try await target.clientQuotas())
        } catch {
            let settings = error.cluster == self.settings.source.name ? self.settings.source : self.settings.target
            seen.notes.append(unreadable(error, "client quotas", .describeConfigs, on: .cluster, "", of: settings))
        }
    }

    /// Finds out which remembered topics are certainly gone: a topic that is only not listed may be one that we may no
    /// longer describe.
    package func readGone(
        _ ledger: LedgerState, present: Set<String>, into seen: inout SyncObservation
    ) async throws(KafkaError) {
        let missing = ledger.topics.keys.filter { !present.contains($0) }.sorted()
        for names in missing.chunked(by: Self.batch) {
            let metadata = try await source.metadata(.named(names))
            for name in names where metadata.topics[name]?.error == .unknownTopicOrPartition {
                seen.gone[name] = topicNames.targetName(of: name)
            }
        }
    }

    private func configs(
        of topics: [String], at cluster: ClusterClient
    ) async -> Outcomes<String, [String: ConfigEntry]> {
        var found: Outcomes<String, [String: ConfigEntry]> = [:]
        for names in topics.chunked(by: Self.batch) {
            for (resource, outcome) in await cluster.describeConfigs(names.map { .topic($0) }) {
                if case .topic(let name) = resource { found[name] = outcome }
            }
        }
        return found
    }

    private func unreadable(
        _ error: KafkaError, _ what: String, _ operation: AccessOperation, on resource: AccessRule.ResourceType,
        _ name: String, of cluster: ClusterSettings
    ) -> SyncNote {
        var message = "cannot read \(what) on \(cluster.name): \(error)"
        if error.isAuthorization {
            let missing = MissingPermission(operation, on: resource, name, of: cluster)
            message = "cannot read \(what): \(missing); grant it with: \(missing.command)"
        }
        return SyncNote(
            kind: .failed, subject: "\(cluster.name) \(what)", message: message, isOutage: error.isOutage)
    }
}

extension Array {
    /// Pieces of at most `count` elements.
    package func chunked(by count: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: count).map { Array(self[$0..<Swift.min($0 + count, self.count)]) }
    }
}
