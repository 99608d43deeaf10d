package import KafkaWire
internal import NIOCore

extension [Record] {
    /// The records among these, of a progress topic, that decide what is recorded: of each key the newest that can be
    /// understood, and those behind it, which cannot be.
    ///
    /// Decoding costs far more than reading, and before compaction all but the newest of each key are outdated.
    package var deciding: [Record] {
        var byKey: [ByteBuffer: [Int]] = [:]
        for (index, record) in enumerated() {
            if let key = record.key { byKey[key, default: []].append(index) }
        }
        var kept: [Int] = []
        for (bytes, indices) in byKey {
            if bytes == Handover.key, let newest = indices.last { kept.append(newest) }
            guard let key = ProgressRecord.Key(bytes) else { continue }
            for index in indices.reversed() {
                kept.append(index)
                if Self.decides(key, bytes, self[index].value) { break }
            }
        }
        return kept.sorted().map { self[$0] }
    }

    /// Tells whether nothing that came before under the key counts any more. Identity and producer ids of a flow stay known
    /// whatever is said of them later.
    private static func decides(_ key: ProgressRecord.Key, _ bytes: ByteBuffer, _ value: ByteBuffer?) -> Bool {
        if value == nil, case .checkpoint = key { return true }
        return (try? ProgressRecord(key: bytes, value: value)) != nil
    }
}
