import KafkaWire
import Logging
import NIOCore

/// The cluster's durable state, but for records: an append-only file of checksummed entries,
/// `<data directory>/cluster.journal`.
///
/// Every entry is on the disk before the change it tells of is answered. An entry is
/// `length: int32, checksum: CRC-32C of what follows, record`. An unfinished write at the end, as a crash leaves it, was
/// never answered for and is dropped (``JournalContents``); any other damage is refused. Each start rewrites the file to
/// what still counts, where the disk has room for that.
final class ClusterJournal {
    private let file: PosixFile
    private var end: Int
    /// The reason why nothing can be added any more: what the file holds behind `end` is unknown.
    private var failure: LogError?

    static let fileName = "cluster.journal"

    private init(_ file: PosixFile, end: Int) {
        self.file = file
        self.end = end
    }

    private static func path(in directory: String) -> String { "\(directory)/\(fileName)" }

    /// Remains of an earlier run: its entries, oldest first, and where they end in the file.
    struct Loaded {
        var records: [ClusterRecord] = []
        var end = 0
    }

    /// The entries of an earlier run; none for a new directory.
    static func load(from directory: DataDirectory, logger: Logger) throws(BrokerError) -> Loaded {
        guard directory.hasJournal else { return Loaded() }
        let path = path(in: directory.path)
        do throws(LogError) {
            guard let bytes = try FileSystem.contents(of: path) else { return Loaded() }
            let contents = JournalContents(bytes)
            var loaded = Loaded(end: contents.end)
            for body in contents.entries {
                do throws(WireError) {
                    loaded.records.append(try ClusterRecord(body))
                } catch {
                    throw LogError(
                        "read", path: path, errno: 0,
                        detail:
                            "entry \(loaded.records.count) is of a kind unknown to this version: it was written by a "
                            + "newer one, which can read it")
                }
            }
            try check(contents, loaded.records, path)
            for (index, record) in loaded.records.enumerated() {
                guard let problem = JournalCheck.problem(with: record) else { continue }
                throw LogError(
                    "read", path: path, errno: 0,
                    detail: "no broker writes what entry \(index) says: \(problem). Nothing was changed")
            }
            if case .torn(let count) = contents.tail {
                logger.warning(
                    "an unfinished write at the journal's end is dropped: no client was told of its success",
                    metadata: ["file": "\(path)", "offset": "\(contents.end)", "bytes": "\(count)"])
            }
            return loaded
        } catch {
            throw .storage("\(error)")
        }
    }

    private static func check(
        _ contents: JournalContents, _ records: [ClusterRecord], _ path: String
    ) throws(LogError) {
        func damaged(_ reason: String) -> LogError {
            LogError(
                "read", path: path, errno: 0,
                detail:
                    "the entry at byte \(contents.end) is damaged: \(reason). Nothing was changed. Put the file back "
                    + "from a copy of this directory; without one, move the directory away and begin with an empty one")
        }
        if case .damaged(let reason) = contents.tail { throw damaged(reason) }
        guard case .cluster(let identity)? = records.first else { throw damaged("the cluster's id is missing") }
        guard records.count >= identity.snapshotCount else {
            throw damaged(
                "the file ends before entry \(identity.snapshotCount), up to which it was on the disk for good")
        }
    }

    /// Replaces the journal by `records` and opens it for more. Where the disk is full the earlier one, which says the
    /// same, is kept and continued.
    static func rewrite(
        _ records: [ClusterRecord], in directory: DataDirectory, after earlier: Loaded, logger: Logger
    ) throws(BrokerError) -> ClusterJournal {
        let path = path(in: directory.path)
        var contents = ByteBuffer()
        for record in records { contents.writeImmutableBuffer(try entry(record)) }
        do throws(LogError) {
            do throws(LogError) {
                try FileSystem.replace(path, with: contents, flushed: true)
                return ClusterJournal(try PosixFile(path, .readWrite), end: contents.readableBytes)
            } catch {
                guard error.isFullDisk, directory.hasJournal else { throw error }
                logger.warning(
                    "the disk is full: the journal is not made smaller, the one of the last run is continued",
                    metadata: ["file": "\(path)", "reason": "\(error)"])
                let file = try PosixFile(path, .readWrite)
                try file.restrictToOwner()
                try file.truncate(to: earlier.end)
                return ClusterJournal(file, end: earlier.end)
            }
        } catch {
            throw DataDirectory.unwritable(directory.path, error)
        }
    }

    /// Adds entries that belong together with one write, and waits for the disk.
    func append(_ records: [ClusterRecord]) throws(BrokerError) {
        var bytes = ByteBuffer()
        for record in records { bytes.writeImmutableBuffer(try Self.entry(record)) }
        if let failure { throw .storage("\(failure)") }
        do throws(LogError) {
            try file.write(bytes, ByteBuffer(), at: end)
            try file.flush()
            end += bytes.readableBytes
        } catch {
            // The part that was written must not be read as entries one day: it was refused.
            if (try? file.truncate(to: end)) == nil { failure = error }
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
