internal import KafkaWire

/// Which records of either side take part in a comparison, where two flows go opposite ways under the same names.
struct OriginScope: Sendable {
    /// Set where records may come back: source records that have been on the target stay out.
    var returning: Clusters?
    /// Whether target records may come from others than the source without being a difference.
    var allowsForeign = false

    struct Clusters: Hashable, Sendable {
        var source: String
        var target: String
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
