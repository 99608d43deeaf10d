package import KafkaClient
internal import KafkaWire

/// Reads what a flow has recorded on its target, and again what it has recorded since.
package struct RecordedFlowReader {
    package let target: ClusterClient
    private let log: StateTopic
    private var next: Int64 = 0
    package private(set) var recorded = RecordedFlow()

    package init(flow: String, target: ClusterClient) {
        self.target = target
        log = StateTopic(ProgressTopic.name(flow: flow), client: target)
    }

    /// Reads what has been recorded since the last time; a flow that has never run has recorded nothing. Records that
    /// cannot be understood are skipped.
    ///
    /// - Throws: also when the flow's identity cannot be understood.
    package mutating func refresh() async throws(KafkaError) {
        let topic = log.partition.topic
        if next == 0 {
            let metadata = try await target.metadata(.named([topic]))
            guard metadata.topics[topic]?.partitions.isEmpty == false else { return }
        }
        next = try await recorded.read(log, from: next)
        guard let refusal = recorded.identityRefusal else { return }
        throw KafkaError(
            .unexpectedAnswer(refusal), during: .request(.fetch), cluster: target.settings.name, topic: topic,
            partition: 0)
    }
}
