import KafkaWire
import NIOCore

/// The cluster's durable state, but for records: an append-only file of checksummed entries,
/// `<data directory>/cluster.journal`.
///
/// Every entry is on the disk before the change it tells of is answered. An entry is
/// `length: int32, checksum: CRC-32C of what follows, record`. An incomplete or damaged end, as a crash during a
/// write leaves it, was never answered for and is cut off. Each start rewrites the file to what still counts.
final class ClusterJournal {
    private let file: PosixFile
    private var end: Int

    private init(_ file: PosixFile, end: Int) {
        self.file = file
        self.end = end
    }

    private static func path(in directory: String) -> String { "\(directory)/cluster.journal" }

    /// The entries of an earlier run, oldest first; empty for a new directory.
    static func load(from directory: String) throws(BrokerError) -> [ClusterRecord] {
        do throws(LogError) {
            try FileSystem.createDirectory(directory)
            guard var bytes = try FileSystem.contents(of: path(in: directory)) else { return [] }
            var records: [ClusterRecord] = []
            while let body = nextEntry(&bytes) {
                do throws(WireError) {
                    records.append(try ClusterRecord(body))
                } catch {
                    throw LogError(
                        "entry \(records.count) of a kind unknown to this version", path: path(in: directory), errno: 0)
                }
            }
            return records
        } catch {
            throw .storage("\(error)")
        }
    }

    private static func nextEntry(_ bytes: inout ByteBuffer) -> ByteBuffer? {
        guard let (length, checksum) = bytes.readMultipleIntegers(as: (Int32, UInt32).self), length >= 2,
            let body = bytes.readSlice(length: Int(length)), CRC32C.checksum(of: body) == checksum
        else { return nil }
        return body
    }

    /// Replaces the journal by `records` and opens it for more.
    static func rewrite(_ records: [ClusterRecord], in directory: String) throws(BrokerError) -> ClusterJournal {
        var contents = ByteBuffer()
        for record in records { contents.writeImmutableBuffer(try entry(record)) }
        do throws(LogError) {
            try FileSystem.replace(path(in: directory), with: contents, flushed: true)
            return ClusterJournal(try PosixFile(path(in: directory), .readWrite), end: contents.readableBytes)
        } catch {
            throw .storage("\(error)")
        }
    }

    /// Adds entries that belong together with one write, and waits for the disk.
    func append(_ records: [ClusterRecord]) throws(BrokerError) {
        var bytes = ByteBuffer()
        for record in records { bytes.writeImmutableBuffer(try Self.entry(record)) }
        do throws(LogError) {
            try file.write(bytes, ByteBuffer(), at: end)
            try file.flush()
            end += bytes.readableBytes
        } catch {
            throw .storage("\(error)")
        }
    }

    private static func entry(_ record: ClusterRecord) throws(BrokerError) -> ByteBuffer {
        do throws(WireError) {
            let body = try record.encode()
            var bytes = ByteBuffer()
            bytes.writeInteger(Int32(body.readableBytes))
            bytes.writeInteger(CRC32C.checksum(of: body))
            bytes.writeImmutableBuffer(body)
            return bytes
        } catch {
            throw .storage("the journal cannot take an entry: \(error)")
        }
    }
}
