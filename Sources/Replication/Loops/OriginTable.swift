package import KafkaClient
internal import KafkaWire

/// Contents of a cluster's `__replicator_origins`: batches of these producer ids did not begin on that cluster.
package actor OriginTable {
    private let log: StateTopic
    private let cluster: ClusterClient
    private var known: [Int64: Provenance] = [:]
    /// The topic that was found to be whole; nil before any was.
    private var checkedID: KafkaUUID?

    package init(of cluster: ClusterClient) {
        self.cluster = cluster
        log = StateTopic(OriginRecord.topic, client: cluster)
    }

    /// Looks ids up, after reading the topic to its end: registration precedes the first batch, so what is not there
    /// by then was not written by a replicator.
    ///
    /// - Throws: also when registrations are lost: then nobody can tell, and records would go round.
    package func lookUp(_ ids: Set<Int64>) async throws(KafkaError) -> [Int64: Provenance] {
        if !ids.allSatisfy({ known[$0] != nil }) {
            let metadata = try await cluster.metadata(.named([OriginRecord.topic]))
            let topic = metadata.topics[OriginRecord.topic]
            let found = topic?.partitions.isEmpty == false ? try await Self.read(log) : []
            try await checkWhole(topic?.id ?? .zero, found)
            for (id, record) in found { known[id] = record.provenance }
        }
        return known.filter { ids.contains($0.key) }
    }

    /// Every flow that has ever written to the cluster has an id registered there. Looked at once for each topic of
    /// that name, and again should it hold less than before.
    private func checkWhole(_ id: KafkaUUID, _ found: [(Int64, OriginRecord)]) async throws(KafkaError) {
        guard id != checkedID || !known.keys.allSatisfy(Set(found.map(\.0)).contains) else { return }
        let registered = Set(found.map(\.1.flow))
        for name in try await cluster.metadata(.all).topics.keys.sorted() {
            guard let flow = ProgressTopic.flow(of: name), !registered.contains(flow),
                try await hasWritten(flow, progress: name)
            else { continue }
            throw KafkaError(
                .unexpectedAnswer(
                    "the flow \(flow) writes to this cluster, but none of its producer ids is registered: the topic was "
                        + "deleted or emptied. Start that flow again: it registers its ids anew. If it is no longer "
                        + "needed and none of its records are left, delete the topic \(name)"),
                during: .request(.fetch), cluster: cluster.settings.name, topic: OriginRecord.topic, partition: 0)
        }
        checkedID = id
    }

    private func hasWritten(_ flow: String, progress topic: String) async throws(KafkaError) -> Bool {
        var recorded = RecordedFlow()
        for record in try await StateTopic(topic, client: cluster).readNewest().records {
            // A record that is not a flow's own says nothing about a flow.
            try? recorded.take(record)
        }
        return recorded.hasWritten
    }

    package static func read(_ log: StateTopic) async throws(KafkaError) -> [(Int64, OriginRecord)] {
        var found: [(Int64, OriginRecord)] = []
        for record in try await log.readAll() {
            guard let key = record.key, let value = record.value else { continue }
            do {
                if let entry = try OriginRecord.decode(key: key, value: value) { found.append(entry) }
            } catch {
                throw KafkaError(
                    .unexpectedAnswer(
                        "the record at offset \(record.offset) is not one of a replicator's: \(error)"),
                    during: .request(.fetch), cluster: "", topic: OriginRecord.topic, partition: 0)
            }
        }
        return found
    }
}
