import KafkaWire
import Logging
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The directory of a broker's data, recognised as its own and held by its lock before anything in it is touched.
///
/// A new or empty directory is taken; one with `meta.properties` of ours is opened, as is one of a version that wrote no
/// such file, by its journal. Everything else is foreign data and refused. Nothing in it is reached through a
/// symbolic link; the directory itself may be one, since the operator named it.
final class DataDirectory {
    let path: String
    /// Nil until ``identify(as:)`` in a directory that has none.
    private(set) var identity: DirectoryIdentity?
    let hasJournal: Bool
    private var lock: PosixFile?
    private let logger: Logger

    private static let lockName = ".lock"

    /// Examines and locks the directory, and creates it if there is none.
    init(_ path: String, logger: Logger) throws(BrokerError) {
        self.path = path
        self.logger = logger
        do throws(LogError) {
            try FileSystem.createDirectory(path)
        } catch {
            throw .storage("the data directory cannot be created: \(error)")
        }
        // Before the lock, so that a foreign directory does not even get that file; after it, since things may have changed.
        _ = try Self.examine(path)
        lock = try Self.lock(path)
        (identity, hasJournal) = try Self.examine(path)
    }

    /// Writes down whose directory this is, if that is not said yet; all other files come after it.
    func identify(as clusterID: String, firstNode: Int32) throws(BrokerError) {
        if let identity {
            guard identity.clusterID == clusterID else {
                throw .storage(
                    "\(path): \(DirectoryIdentity.fileName) names cluster \(identity.clusterID), "
                        + "\(ClusterJournal.fileName) names \(clusterID): one of the files comes from another data "
                        + "directory. Put back the one that belongs here")
            }
            return
        }
        let new = DirectoryIdentity(
            clusterID: clusterID, firstNode: firstNode, directoryID: KafkaUUID.random().description)
        do throws(LogError) {
            try FileSystem.replace(
                "\(path)/\(DirectoryIdentity.fileName)", with: ByteBuffer(string: new.text), flushed: true)
        } catch {
            guard hasJournal, error.isFullDisk else { throw Self.unwritable(path, error) }
            logger.warning(
                "the data directory does not get its identity file yet: the disk is full",
                metadata: ["directory": "\(path)", "reason": "\(error)"])
        }
        identity = new
    }

    /// Gives the directory to the next broker.
    func release() { lock = nil }

    static func unwritable(_ path: String, _ error: LogError) -> BrokerError {
        let readOnly = error.errno == EROFS || error.errno == EACCES || error.errno == EPERM
        return .storage(
            readOnly
                ? "the data directory \(path) cannot be written: \(error). Make it writable for this user, or name "
                    + "another one"
                : "the data directory \(path) cannot be used: \(error)")
    }
}

// Examination

extension DataDirectory {
    /// Files that a start may leave before anything of worth is there.
    private static func isPreliminary(_ name: String, in path: String) -> Bool {
        let kind = FileSystem.kind(of: "\(path)/\(name)")
        return switch name {
        case lockName, "\(DirectoryIdentity.fileName).tmp", "\(ClusterJournal.fileName).tmp": kind == .file
        case "lost+found": kind == .directory  // every new file system of its own has it
        default: false
        }
    }

    /// Identity of this directory, read without a change to it.
    private static func examine(
        _ path: String
    ) throws(BrokerError) -> (identity: DirectoryIdentity?, hasJournal: Bool) {
        let names: [String]
        let identity: DirectoryIdentity?
        do throws(LogError) {
            names = try FileSystem.names(in: path)
            identity = try readIdentity(in: path)
        } catch {
            throw .storage(error.detail == nil ? "the data directory cannot be read: \(error)" : "\(error)")
        }
        if names.contains(ClusterJournal.fileName) { return (identity, true) }
        let others = names.filter { $0 != DirectoryIdentity.fileName && !isPreliminary($0, in: path) }
        guard let first = others.first else { return (identity, false) }
        let shown = others.count == 1 ? first : "\(first) and \(others.count - 1) more"
        guard identity == nil else {
            throw .storage(
                "\(path)/\(ClusterJournal.fileName) is missing, but there are other files (\(shown)): without it nobody "
                    + "knows whose logs they are, so nothing was changed. Put the file back from a copy of this directory, "
                    + "or name an empty directory to begin again")
        }
        throw .storage(
            "\(path) is not empty and not a data directory of this broker: it holds \(shown), and no "
                + "\(DirectoryIdentity.fileName) or \(ClusterJournal.fileName). Nothing was changed. Name a new or empty "
                + "directory; in one of an earlier version put back its \(ClusterJournal.fileName)")
    }

    private static func readIdentity(in path: String) throws(LogError) -> DirectoryIdentity? {
        let file = "\(path)/\(DirectoryIdentity.fileName)"
        guard let bytes = try FileSystem.contents(of: file) else { return nil }
        do throws(DirectoryIdentity.Refusal) {
            return try DirectoryIdentity(parsing: String(buffer: bytes))
        } catch {
            let detail =
                switch error {
                case .foreign:
                    "the directory belongs to Apache Kafka or another program, and nothing in it was changed. Name a new "
                        + "or empty directory"
                case .newer(let format):
                    "the directory is of a newer version (format \(format)), and nothing in it was changed. Use that "
                        + "version, or name another directory"
                case .incomplete:
                    "the file is damaged. If \(ClusterJournal.fileName) beside it is this broker's, remove the damaged "
                        + "file: it is written again from there"
                }
            throw LogError("identify", path: file, errno: 0, detail: detail)
        }
    }

    private static func lock(_ path: String) throws(BrokerError) -> PosixFile {
        let holder = "process "
        do throws(LogError) {
            let file = try PosixFile("\(path)/\(lockName)", .create)
            guard try file.tryLock() else {
                let text = String(buffer: try file.readUpTo(100, at: 0))
                let known = text.hasPrefix(holder) ? String(text.prefix { !$0.isNewline }) : "another process"
                throw LogError(
                    "lock", path: path, errno: 0,
                    detail:
                        "the data directory is in use by \(known). Stop the broker that runs there, or name another "
                        + "directory")
            }
            // For people. A full disk keeps the earlier text, or none.
            let text = ByteBuffer(string: "\(holder)\(getpid())\n")
            if (try? file.write(text, ByteBuffer(), at: 0)) != nil { try? file.truncate(to: text.readableBytes) }
            return file
        } catch {
            if error.operation == "lock" { throw .storage("\(error)") }
            throw unwritable(path, error)
        }
    }
}
