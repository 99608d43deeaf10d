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
            if let key = record.key, ProgressRecord.Key(key) != nil { byKey[key, default: []].append(index) }
        }
        var kept: [Int] = []
        for (key, indices) in byKey {
            for index in indices.reversed() {
                kept.append(index)
                if (try? ProgressRecord(key: key, value: self[index].value)) != nil || self[index].value == nil { break }
            }
        }
        return kept.sorted().map { self[$0] }
    }
}
