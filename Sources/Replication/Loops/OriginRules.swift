package import KafkaWire

/// Knowledge of a shard about producer ids: the origins of the source's, and the purposes of ours.
package struct OriginRules: Sendable {
    let sourceCluster: String
    let targetCluster: String
    /// In identical naming records may come back; in prefixed naming names tell.
    let isIdentical: Bool
    /// Each record gets a loop header.
    let stamps: Bool
    /// Provenance of the source's producer ids: nil for one whose records began there.
    private var provenances: [Int64: Provenance?] = [:]
    private var examinedIDs: Set<Int64> = []
    /// Ids to write under.
    package var producerIDs: [Provenance: Int64] = [:]
    /// More ids than this are forgotten and looked up again: each producer session has one of its own.
    private static let mostKnown = 100_000

    package init(sourceCluster: String, targetCluster: String, isIdentical: Bool, stamps: Bool) {
        self.sourceCluster = sourceCluster
        self.targetCluster = targetCluster
        self.isIdentical = isIdentical
        self.stamps = stamps
    }

    /// Something that only a cluster can tell, or give, before a batch can be copied.
    package enum Need: Hashable, Sendable {
        /// The origin of a producer id of the source.
        case origin(Int64)
        /// An id to write records of this provenance under.
        case producer(Provenance)
    }

    package enum Judgement: Hashable, Sendable {
        case needs(Need)
        /// It has been on the target.
        case loop
        /// It is copied under `producerID`; its records have come through `chain`.
        case copies(producerID: Int64, chain: [String], looksInside: Bool)
    }

    package mutating func learn(_ ids: Set<Int64>, _ found: [Int64: Provenance]) {
        if provenances.count > Self.mostKnown { provenances = [:] }
        for id in ids { provenances.updateValue(found[id], forKey: id) }
    }

    package mutating func examined(_ ids: Set<Int64>) {
        if examinedIDs.count > Self.mostKnown { examinedIDs = [] }
        examinedIDs.formUnion(ids)
    }

    package func isExamined(_ id: Int64) -> Bool { examinedIDs.contains(id) }

    /// - Parameter refills: it is copied also if it has been on the target, which has lost it.
    package func judge(_ batch: RecordBatchHeader, refills: Bool = false) -> Judgement {
        var provenance: Provenance?
        if isIdentical, batch.producerID >= 0 {
            guard let known = provenances[batch.producerID] else { return .needs(.origin(batch.producerID)) }
            provenance = known
        }
        if let provenance, !refills, provenance.chain.contains(targetCluster) { return .loop }
        let outgoing =
            stamps || !isIdentical
            ? usual
            : Provenance(
                chain: (provenance?.chain ?? []) + [sourceCluster],
                carriesHeaders: provenance?.carriesHeaders ?? false)
        guard let id = producerIDs[outgoing] else { return .needs(.producer(outgoing)) }
        return .copies(
            producerID: id, chain: provenance?.chain ?? [],
            looksInside: stamps || (provenance?.carriesHeaders ?? false))
    }

    /// Provenance of records that begin at the source.
    package var usual: Provenance { Provenance(chain: [sourceCluster], carriesHeaders: stamps) }
}
