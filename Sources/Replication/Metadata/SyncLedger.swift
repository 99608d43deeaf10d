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
    private var isOpen = false

    package init(flow: String, target: ClusterClient, wallClock: @escaping @Sendable () -> Int64) {
        self.target = target
        self.wallClock = wallClock
        topic = ProgressTopic.name(flow: flow)
        log = StateTopic(topic, client: target)
    }

    /// Reads what is remembered, once. A flow that has never run remembers nothing, and has no progress topic.
    package func open() async throws(FlowError) {
        guard !isOpen else { return }
        do throws(KafkaError) {
            let metadata = try await target.metadata(.named([topic]))
            if metadata.topics[topic]?.partitions.isEmpty ?? true { return }
            try await read()
        } catch {
            throw .unreadableProgress(topic: topic, error)
        }
        isOpen = true
    }

    /// Records that cannot be understood are not remembered: then it is not ours to take back.
    private func read() async throws(KafkaError) {
        var state = LedgerState()
        var acls: [ExactName: AccessRule] = [:]
        var quotas: [ExactName: QuotaEntity] = [:]
        var reader = log.reader()
        while let records = try await reader.records() {
            for record in records {
                do {
                    try LedgerRecord.take(record, into: &state, acls: &acls, quotas: &quotas)
                } catch {
                    await log.skip(record, because: "\(error)")
                }
            }
        }
        self.state = state
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
            try await log.append(records)
        } catch {
            // Whether it was written is not known: it is read again.
            isOpen = false
            if let error = error as? KafkaError { throw .kafka(error) }
            throw .unreadableProgress(topic: topic, cluster: target.settings.name, reason: "\(error)")
        }
    }
}
