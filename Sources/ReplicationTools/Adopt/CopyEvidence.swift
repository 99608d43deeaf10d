internal import KafkaWire
internal import NIOCore
internal import Replication

/// One record of either side, as far as it tells whether two records are the same.
///
/// Hashes are compared within one run only.
package struct CopyEvidence: Hashable, Sendable {
    package var offset: Int64
    /// Hash of key and value.
    package var content: UInt64
    /// Hash of the headers that count; 0 for none.
    package var headers: UInt64
    /// Milliseconds since 1970.
    package var timestamp: Int64

    package init(offset: Int64, content: UInt64, headers: UInt64 = 0, timestamp: Int64 = 0) {
        self.offset = offset
        self.content = content
        self.headers = headers
        self.timestamp = timestamp
    }

    /// Hashes of key and value as one.
    static func content(key: UInt64, value: UInt64) -> UInt64 { CopyTraits.mixed(value, key) }
}

/// Parts of a record, beside key and value, that tell a copy from other records.
package struct CopyTraits: Hashable, Sendable {
    package var timestamps: Bool
    package var headers: Bool

    package init(timestamps: Bool, headers: Bool) {
        self.timestamps = timestamps
        self.headers = headers
    }

    /// All that counts of a record, as one number.
    func identity(of record: CopyEvidence) -> UInt64 {
        var identity = record.content
        if timestamps { identity = Self.mixed(identity, UInt64(bitPattern: record.timestamp)) }
        if headers { identity = Self.mixed(identity, record.headers) }
        return identity
    }

    /// The second number is spread before it meets the first, so that no relation between the two cancels out.
    fileprivate static func mixed(_ first: UInt64, _ second: UInt64) -> UInt64 {
        spread(first ^ spread(second &+ 0x9E37_79B9_7F4A_7C15))
    }

    private static func spread(_ number: UInt64) -> UInt64 {
        var number = (number ^ (number >> 30)) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ (number >> 27)) &* 0x94D0_49BB_1331_11EB
        return number ^ (number >> 31)
    }
}

/// The newest records of one side that take part, in order.
package struct CopyWindow: Sendable {
    package var records: [CopyEvidence]
    /// The offsets that were looked at.
    package var range: Range<Int64>
    /// Nothing that the log has lies before it.
    package var isWhole: Bool
    /// Records that were once there may be gone: expired, deleted or compacted away.
    package var hasLost: Bool

    package init(_ records: [CopyEvidence], range: Range<Int64>, isWhole: Bool, hasLost: Bool) {
        self.records = records
        self.range = range
        self.isWhole = isWhole
        self.hasLost = hasLost
    }
}
