internal import KafkaClient

/// The other flows from our source to our target, as they have registered themselves there. What they copy is in none of
/// our maps: where an opposite flow has been past their copies, its map alone would lead groups past records that they
/// have not read.
struct SiblingFlows: Sendable {
    private let name: String
    private let target: ClusterClient
    private var writers: RegisteredFlows
    private var memories: [String: RecordedFlowReader] = [:]
    private var flows: [RegisteredFlow] = []

    /// - Parameter flow: the flow on whose behalf is asked.
    init(of flow: String, target: ClusterClient) {
        name = flow
        self.target = target
        writers = RegisteredFlows(of: target)
    }

    /// Reads which there are. A flow registers before it copies anything, so those are known that have made the copies
    /// of which an opposite flow has told before.
    mutating func refresh(sourceID: String, targetID: String) async throws(KafkaError) {
        try await writers.refresh(try await target.metadata(.named([OriginRecord.topic])))
        let others = writers.flows(on: targetID).filter { $0.name != name && $0.sourceClusterID == sourceID }
        guard !others.isEmpty else {
            flows = []
            memories = [:]
            return
        }
        // A flow that is forgotten copies nothing any more, and others may have its topics.
        let memory = try await target.metadata(.named(others.map { ProgressTopic.name(flow: $0.name) }.sorted()))
        let kept = Set(writers.flows(on: targetID, kept: memory).map(\.name))
        flows = others.filter { kept.contains($0.name) }
        memories = memories.filter { kept.contains($0.key) }
        for flow in flows {
            var reader = memories[flow.name] ?? RecordedFlowReader(flow: flow.name, target: target)
            do throws(KafkaError) {
                try await reader.refresh()
            } catch  where error.isAuthorization {
                // Its selection has to tell.
            }
            memories[flow.name] = reader
        }
    }

    /// Tells whether one of them has copied a partition, or may copy it.
    func mayCopy(_ source: TopicPartition, to copy: TopicPartition) -> Bool {
        flows.contains { flow in
            if let recorded = memories[flow.name]?.recorded, recorded.checkpoints[source] != nil,
                recorded.targetName(of: source.topic) == copy.topic
            {
                return true
            }
            // One that has not recorded what it selects may copy everything to the same name.
            return flow.party.map { $0.step.original(of: copy.topic) == source.topic } ?? (source.topic == copy.topic)
        }
    }
}
