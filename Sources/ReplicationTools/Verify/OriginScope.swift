internal import KafkaWire
internal import Replication

/// Records of either side that take part in a comparison, where two flows go opposite ways under the same names.
struct OriginScope: Sendable {
    /// Set where records may come back: source records that have been on the target stay out.
    private(set) var returning: Clusters?
    /// True if target records may come from others than the source without being a difference.
    var allowsForeign = false

    struct Clusters: Hashable, Sendable {
        var source: String
        var target: String
    }

    init() {}

    /// The scope of a flow between the clusters of a snapshot.
    init(_ settings: FlowSettings, _ snapshot: EndOffsetSnapshot, allowsForeign: Bool) {
        guard settings.naming == .identical else { return }
        returning = Clusters(source: snapshot.sourceID, target: snapshot.targetID)
        self.allowsForeign = allowsForeign
    }

    /// A source record that came from the target, which no flow brings back.
    func isLoop(_ record: RawRecord) throws(WireError) -> Bool {
        guard let returning, record.headerCount > 0 else { return false }
        return try Self.chain(of: record)?.contains(returning.target) ?? false
    }

    /// A target record that was not copied from the source.
    func isForeign(_ record: RawRecord) throws(WireError) -> Bool {
        guard let returning, allowsForeign else { return false }
        guard record.headerCount > 0, let chain = try Self.chain(of: record) else { return true }
        return !chain.contains(returning.source)
    }

    private static func chain(of record: RawRecord) throws(WireError) -> [String]? {
        for header in try record.headers where header.key == LoopHeader.keyBytes {
            if let value = header.value, let carried = LoopHeader(decoding: value) { return carried.chain }
        }
        return nil
    }
}
