package import KafkaClient
internal import KafkaWire

/// Settings and rules that a flow put on the target, so that it takes back its own and no others. Kept beside the
/// checkpoints in the progress topic.
package actor SyncLedger {
    private let target: ClusterClient
    private let topic: String
    private let log: StateTopic
    private let wallClock: @Sendable () -> Int64
    package private(set) var state = LedgerState()
    private var acls: [ExactName: AccessRule] = [:]
    private var quotas: [ExactName: QuotaEntity] = [:]
    private var isOpen = false
    /// Other instances of the flow may write it, too.
    private var isShared = false
    /// Offset up to which it has been read.
    private var next: Int64 = 0
    /// Held while the topic is read or appended to.
    private let turn = AsyncSemaphore(1)

    package init(flow: String, target: ClusterClient, wallClock: @escaping @Sendable () -> Int64) {
        self.target = target
        self.wallClock = wallClock
        topic = ProgressTopic.name(flow: flow)
        log = StateTopic(topic, client: target)
    }

    /// Reads what is remembered: once, or, where others may have written since, what they have. A flow that has never run
    /// remembers nothing, and has no progress topic.
    package func open() async throws(FlowError) {
        guard !isOpen || isShared else { return }
        do throws(KafkaError) {
            let metadata = try await target.metadata(.named([topic]))
            if metadata.topics[topic]?.partitions.isEmpty ?? true { return }
            do { try await turn.wait() } catch {
                throw KafkaError(.cancelled, during: .request(.fetch), cluster: target.settings.name)
            }
            defer { turn.signal() }
            if !isOpen {
                next = 0
                (acls, quotas, state) = ([:], [:], LedgerState())
            }
            try await read()
        } catch {
            throw .unreadableProgress(topic: topic, error)
        }
        isOpen = true
    }

    /// Other instances may write to it from now on, or not any more.
    func setShared(_ isShared: Bool) {
        self.isShared = isShared
    }

    /// Records that cannot be understood are not remembered: then it is not ours to take back.
    private func read() async throws(KafkaError) {
        var reader = log.reader(from: next)
        while let records = try await reader.records() {
            var flaws: [(Record, String)] = []
            for record in records {
                do {
                    try LedgerRecord.take(record, into: &state, acls: &acls, quotas: &quotas)
                } catch {
                    flaws.append((record, "\(error)"))
                }
            }
            next = reader.next
            for (record, flaw) in flaws { await log.skip(record, because: flaw) }
        }
        next = reader.next
    }

    /// Records everything again: the topic has lost it.
    func restore() async throws(FlowError) {
        try await record(from: LedgerState(), to: state)
    }

    /// Remembers changes; nothing is written when they change nothing. The progress topic must exist.
    func store(_ changes: [LedgerChange]) async throws(FlowError) {
        var next = state
        for change in changes { next.apply(change) }
        guard next != state else { return }
        try await record(from: state, to: next)
    }

    private func record(from old: LedgerState, to next: LedgerState) async throws(FlowError) {
        do {
            let records = try LedgerRecord.records(from: old, to: next, timestamp: wallClock())
            // Before the append: whoever stores while this one is on its way must build on it.
            state = next
            guard !records.isEmpty else { return }
            try await turn.wait()
            defer { turn.signal() }
            guard let appended = try await log.appendTelling(records) else { return }
            if appended.first == self.next, appended.isContiguous { self.next = appended.next }
        } catch {
            // Whether it was written is not known: it is read again.
            isOpen = false
            if let error = error as? KafkaError { throw .kafka(error) }
            throw .unreadableProgress(topic: topic, cluster: target.settings.name, reason: "\(error)")
        }
    }
}
