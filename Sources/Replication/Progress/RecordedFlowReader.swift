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

    /// Reads what has been recorded since the last time; a flow that has never run has recorded nothing.
    ///
    /// - Throws: also when a record is not one of ours.
    package mutating func refresh() async throws(KafkaError) {
        let topic = log.partition.topic
        if next == 0 {
            let metadata = try await target.metadata(.named([topic]))
            guard metadata.topics[topic]?.partitions.isEmpty == false else { return }
        }
        let read = try await log.readNewest(from: next)
        for record in read.records {
            do {
                try recorded.take(record)
            } catch {
                throw KafkaError(
                    .unexpectedAnswer("the record at offset \(record.offset) is not one of ours: \(error)"),
                    during: .request(.fetch), cluster: target.settings.name, topic: topic, partition: 0)
            }
        }
        next = read.next
    }
}
