import NIOCore

/// The last offset of each key in the part of a log that is cleaned (Kafka's `OffsetMap`).
///
/// Keys are held as 128 bits of two seeded hashes: two keys of one log meet in them as good as never, and a key of any
/// length takes 24 bytes. Kafka does the same with MD5.
struct KeyOffsets {
    private struct Fingerprint: Hashable {
        let first: Int
        let second: Int

        init(_ key: ByteBuffer) {
            var hashers = (Hasher(), Hasher())
            hashers.1.combine(UInt8(1))
            key.withUnsafeReadableBytes { bytes in
                hashers.0.combine(bytes: bytes)
                hashers.1.combine(bytes: bytes)
            }
            first = hashers.0.finalize()
            second = hashers.1.finalize()
        }
    }

    private let capacity: Int
    private var offsets: [Fingerprint: Int64] = [:]
    /// Every key up to this offset is known; -1 for none.
    private(set) var latestOffset: Int64 = -1

    /// - Parameter capacity: how many keys are held at most: a log with more is cleaned in several rounds.
    init(capacity: Int) {
        self.capacity = max(capacity, 1)
    }

    /// False if there is no room for another key.
    mutating func record(_ key: ByteBuffer, at offset: Int64) -> Bool {
        let fingerprint = Fingerprint(key)
        if offsets.count >= capacity, offsets[fingerprint] == nil { return false }
        offsets[fingerprint] = offset
        return true
    }

    mutating func advance(to offset: Int64) {
        latestOffset = max(latestOffset, offset)
    }

    /// Returns true if no later record with this key is known.
    func isLatest(_ key: ByteBuffer, at offset: Int64) -> Bool {
        offset > latestOffset || offset >= offsets[Fingerprint(key)] ?? -1
    }
}
