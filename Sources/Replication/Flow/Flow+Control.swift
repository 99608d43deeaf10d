internal import FoundationEssentials
internal import KafkaClient
internal import Logging

// Changes by an operator while a flow runs.
extension Flow {
    /// Stops reading the flow, a topic or a partition, on all instances that share the flow. Records read before still go
    /// to the target. Lasts until it is resumed, whatever ends and starts meanwhile.
    ///
    /// - Returns: whether that was news.
    /// - Throws: ``FlowControlError/notRecorded(flow:_:reason:)`` when only this instance does so, for now.
    @discardableResult
    public func pause(_ scope: PauseScope) async throws(FlowControlError) -> Bool {
        try await checkExists(scope)
        let (isNews, records) = control.pause(scope, now: wallClock())
        guard isNews else { return false }
        await applyPauses()
        logger.info("paused", metadata: ["what": "\(scope)"])
        try await tell(records, of: scope)
        return true
    }

    /// Reads again what was paused, and every part of it.
    ///
    /// - Returns: whether anything of it was paused.
    @discardableResult
    public func resume(_ scope: PauseScope) async throws(FlowControlError) -> Bool {
        try await checkExists(scope)
        let (result, records) = control.resume(scope)
        switch result {
        case .resumed:
            await applyPauses()
            logger.info("resumed", metadata: ["what": "\(scope)"])
            try await tell(records, of: scope)
            return true
        case .wasNotPaused: return false
        case .pausedAsPartOf(let whole): throw .pausedAsPartOf(flow: name, scope, whole: whole)
        }
    }

    /// Tries partitions that have failed again, as a restart would, and topics that wait at once: here, and on the other
    /// instances that share the flow.
    ///
    /// - Returns: how many partitions had failed or were not copied here.
    @discardableResult
    public func retry(_ scope: PauseScope) async throws(FlowControlError) -> Int {
        try await checkExists(scope)
        let count = await retryHere(scope)
        try await tell(control.retry(scope, id: UUID().uuidString), of: scope)
        return count
    }

    func retryHere(_ scope: PauseScope) async -> Int {
        var count = retryWaiting(scope)
        for shard in shards { count += await shard.retry(scope) }
        return count
    }

    /// Other instances that have been told of the last wish: they obey it as they read it.
    package var toldOthers: Bool { control.isShared }

    /// Partitions that have stopped and cannot be tried again: nobody knows where they are to begin.
    package func withoutPosition(_ scope: PauseScope) async -> Int {
        var count = 0
        for shard in shards { count += await shard.withoutPosition(scope) }
        return count
    }

    /// Parts that are paused, for the flow that takes this one's place.
    package var pausesNow: Pauses { control.pauses }

    /// Pauses what was paused in the flow whose place this one takes. To be called before it is started.
    package func takeOver(_ pauses: Pauses) {
        for scope in pauses.scopes { _ = control.pause(scope, now: wallClock()) }
    }

    private func checkExists(_ scope: PauseScope) async throws(FlowControlError) {
        var present = Set(known.keys)
        if parts.isShared { present.formUnion(await progress.known.keys) }
        let exists =
            switch scope {
            case .flow: true
            case .topic(let topic): isWaiting(topic) || present.contains { $0.topic == topic }
            case .partition(let topic, let partition): present.contains(TopicPartition(topic, partition))
            }
        guard !exists else { return }
        if let topic = scope.topic, let rule = settings.exclusion(of: topic) {
            throw .neverCopied(flow: name, topic: topic, reason: "never copied: \(rule)")
        }
        throw .unknown(flow: name, scope)
    }

    func applyPauses() async {
        for shard in shards { await shard.apply(control.pauses) }
    }

    /// Takes over what may change while the flow runs: topics, consumer groups, policies, sync and limits. Partitions that are
    /// selected before and after are not disturbed; those no longer selected are not read any more.
    ///
    /// - Returns: how many topics that makes more and less, as far as the source's topics are known.
    @discardableResult
    public func reload(_ new: FlowSettings) async -> SelectionChange {
        let before = selector
        settings.topics = new.topics
        settings.consumerGroups = new.consumerGroups
        settings.groupPrefix = new.groupPrefix
        settings.sync = new.sync
        settings.limits = new.limits
        settings.policies = new.policies
        settingsChanged()
        await limitConfigured(new.limits.bytesPerSecond)
        let selector = selector
        await selectTopics()
        for shard in shards {
            await shard.apply(settings.policies)
        }
        return selectionChange(from: before, to: selector)
    }

    private var selector: TopicSelector {
        TopicSelector(selection: settings.topics, naming: settings.naming, targetAlias: settings.targetAlias)
    }

    private func selectionChange(from old: TopicSelector, to new: TopicSelector) -> SelectionChange {
        var change = SelectionChange()
        let copied = Set(known.keys.map(\.topic))
        for topic in (sourceSeen?.topics ?? [:]).values {
            let was = old.targetName(of: topic.name, isInternal: topic.isInternal) != nil
            let now = new.targetName(of: topic.name, isInternal: topic.isInternal) != nil
            if was, !now { change.deselected += 1 }
            if !was, now, settings.sync.newTopics || copied.contains(topic.name) { change.selected += 1 }
        }
        return change
    }

    /// Has the topics read that the settings select and no other flow copies.
    func selectTopics() async {
        let selector = selector
        let selected = Set(known.keys.map(\.topic)).filter {
            selector.targetName(of: $0, isInternal: false) != nil && !leftToOthers.contains($0)
        }
        for shard in shards { await shard.select(topics: selected) }
    }
}

/// Effect of other settings on which topics a flow copies.
public struct SelectionChange: Hashable, Sendable {
    /// Topics that are copied from now on, and were not.
    public var selected = 0
    /// Topics that are not copied any more.
    public var deselected = 0

    public init() {}
}
