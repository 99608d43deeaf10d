package import KafkaClient
internal import KafkaWire

/// Contents of a cluster's `__replicator_origins`: batches of these producer ids did not begin on that cluster.
package actor OriginTable {
    private let log: StateTopic
    private let cluster: ClusterClient
    private var known: [Int64: Provenance] = [:]
    /// Ids whose registration cannot be understood, with the reason.
    private var unreadable: [Int64: String] = [:]
    /// The topic that was found to be whole; nil before any was.
    private var checkedID: KafkaUUID?

    package init(of cluster: ClusterClient) {
        self.cluster = cluster
        log = StateTopic(OriginRecord.topic, client: cluster)
    }

    /// Looks ids up, after reading the topic to its end: registration precedes the first batch, so what is not there
    /// by then was not written by a replicator.
    ///
    /// - Throws: also when registrations are lost: then nobody can tell, and records would go round. The same for one
    /// that
    ///   cannot be understood.
    package func lookUp(_ ids: Set<Int64>) async throws(KafkaError) -> [Int64: Provenance] {
        let found = try await lookUpReadable(ids)
        guard let (id, why) = found.unreadable.min(by: { $0.key < $1.key }) else { return found.known }
        throw cannotTell(id, why)
    }

    /// The same, with the ids apart of which nobody can tell where their records come from, each with the reason.
    package func lookUpReadable(
        _ ids: Set<Int64>
    ) async throws(KafkaError) -> (known: [Int64: Provenance], unreadable: [Int64: String]) {
        if !ids.allSatisfy({ known[$0] != nil }) {
            let metadata = try await cluster.metadata(.named([OriginRecord.topic]))
            let topic = metadata.topics[OriginRecord.topic]
            let found =
                topic?.partitions.isEmpty == false ? try await RegisteredOrigins.read(log) : RegisteredOrigins()
            try await checkWhole(topic?.id ?? .zero, found.records)
            for (id, record) in found.records { known[id] = record.provenance }
            unreadable = found.unreadable
        }
        return (
            known.filter { ids.contains($0.key) },
            unreadable.filter { ids.contains($0.key) && known[$0.key] == nil }
        )
    }

    package func cannotTell(_ id: Int64, _ why: String) -> KafkaError {
        KafkaError(
            .unexpectedAnswer(
                "the registration of producer id \(id) cannot be understood (\(why)), so it is not known where its "
                    + "records come from. If a flow writes under that id, start it again: it registers its ids again. If none "
                    + "does, write a record with the key \(id) and no value. See who else may write to this topic"),
            during: .request(.fetch), cluster: cluster.settings.name, topic: OriginRecord.topic, partition: 0)
    }

    /// Every flow that has ever written to the cluster has an id registered there. Looked at once for each topic of
    /// that name, and again should it hold less than before.
    private func checkWhole(_ id: KafkaUUID, _ found: [Int64: OriginRecord]) async throws(KafkaError) {
        guard id != checkedID || !known.keys.allSatisfy({ found[$0] != nil }) else { return }
        let registered = Set(found.values.map(\.flow))
        for name in try await cluster.metadata(.all).topics.keys.sorted() {
            guard let flow = ProgressTopic.flow(of: name), !registered.contains(flow),
                try await hasWritten(flow, progress: name)
            else { continue }
            throw KafkaError(
                .unexpectedAnswer(
                    "the flow \(flow) writes to this cluster, but none of its producer ids is registered: the topic was "
                        + "deleted or emptied. Start that flow again: it registers its ids again. If it is no longer "
                        + "needed and none of its records are left, delete the topic \(name)"),
                during: .request(.fetch), cluster: cluster.settings.name, topic: OriginRecord.topic, partition: 0)
        }
        checkedID = id
    }

    private func hasWritten(_ flow: String, progress topic: String) async throws(KafkaError) -> Bool {
        var recorded = RecordedFlow()
        let log = StateTopic(topic, client: cluster)
        var reader = log.reader()
        while !recorded.hasWritten || recorded.identity == nil, let records = try await reader.records() {
            for record in records.deciding {
                // A record that is not a flow's own says nothing about a flow.
                do { try recorded.take(record) } catch { await log.skip(record, because: "\(error)") }
            }
        }
        // A topic that is only named so is nobody's memory.
        guard let identity = recorded.identity, identity.targetClusterID == (try await cluster.clusterID()) else {
            return false
        }
        return recorded.hasWritten
    }
}
