internal import KafkaClient
internal import KafkaWire

/// What a cluster's `__replicator_origins` says about producer ids: batches of these did not begin on that cluster.
actor OriginTable {
    private let log: StateTopic
    private let cluster: ClusterClient
    private var known: [Int64: Provenance] = [:]

    init(of cluster: ClusterClient) {
        self.cluster = cluster
        log = StateTopic(OriginRecord.topic, client: cluster)
    }

    /// Looks ids up, after reading the topic to its end: registration precedes the first batch, so what is not there
    /// by then was not written by a replicator.
    func lookUp(_ ids: Set<Int64>) async throws(KafkaError) -> [Int64: Provenance] {
        if !ids.allSatisfy({ known[$0] != nil }) {
            let metadata = try await cluster.metadata(.named([OriginRecord.topic]))
            if metadata.topics[OriginRecord.topic]?.partitions.isEmpty == false {
                for (id, record) in try await Self.read(log) { known[id] = record.provenance }
            }
        }
        return known.filter { ids.contains($0.key) }
    }

    static func read(_ log: StateTopic) async throws(KafkaError) -> [(Int64, OriginRecord)] {
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
