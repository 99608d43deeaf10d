import KafkaWire
import NIOCore

/// Facts that the log's files do not hold: where it starts, how far it is on the disk for good, and whether it
/// was closed in order.
///
/// Text, one `key value` per line, the last one a checksum of the others: a start offset with a wrong digit would hide
/// records. Kafka keeps the same per broker; here each partition can be moved by itself.
struct LogCheckpoint: Hashable {
    /// The end of the log when it was closed in order. A file of another size means that it was written to since.
    struct CleanEnd: Hashable {
        var logEndOffset: Int64
        var activeSegmentSize: Int
    }

    var logStartOffset: Int64 = 0
    var recoveryPoint: Int64 = 0
    /// Up to where the log was cleaned (compaction).
    var firstDirtyOffset: Int64 = 0
    var cleanEnd: CleanEnd?

    static let fileName = "log-checkpoint"
    private static let checksumKey = "checksum"

    init() {}

    func save(in directory: String, flushed: Bool, faults: DiskFaults?) throws(LogError) {
        var text = "version 0\nlogStartOffset \(logStartOffset)\nrecoveryPoint \(recoveryPoint)\n"
        if firstDirtyOffset > 0 { text += "firstDirtyOffset \(firstDirtyOffset)\n" }
        if let cleanEnd {
            text += "logEndOffset \(cleanEnd.logEndOffset)\nactiveSegmentSize \(cleanEnd.activeSegmentSize)\n"
        }
        text += "\(Self.checksumKey) \(CRC32C.checksum(of: ByteBuffer(string: text)))\n"
        try FileSystem.replace(
            "\(directory)/\(Self.fileName)", with: ByteBuffer(string: text), flushed: flushed, faults: faults)
    }

    /// Without a file, or with one that cannot be understood, nothing is known: everything is checked.
    init(loadingFrom directory: String) throws(LogError) {
        guard let bytes = try FileSystem.contents(of: "\(directory)/\(Self.fileName)") else { return }
        var values: [Substring: Int64] = [:]
        let text = String(buffer: bytes)
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 2, let value = Int64(fields[1]), value >= 0 else { return }
            values[fields[0]] = value
        }
        guard values["version"] == 0, let start = values["logStartOffset"], let point = values["recoveryPoint"],
            max(start, point) <= Self.largestOffset, Self.isWhole(text, checksum: values[Self.checksumKey[...]])
        else { return }
        logStartOffset = start
        recoveryPoint = point
        firstDirtyOffset = values["firstDirtyOffset"] ?? 0
        if let end = values["logEndOffset"], let size = values["activeSegmentSize"] {
            cleanEnd = CleanEnd(logEndOffset: end, activeSegmentSize: Int(size))
        }
    }

    /// Offsets after this one leave no room for a segment of them.
    private static let largestOffset = Int64.max - Int64(Int32.max) - 1

    /// Versions that wrote no checksum are believed.
    private static func isWhole(_ text: String, checksum: Int64?) -> Bool {
        guard let checksum, let line = text.firstRange(of: "\(checksumKey) ") else { return checksum == nil }
        return Int64(CRC32C.checksum(of: ByteBuffer(substring: text[..<line.lowerBound]))) == checksum
    }
}
