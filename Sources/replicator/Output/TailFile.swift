internal import FoundationEssentials
internal import Glibc
internal import NIOCore
internal import ReplicationTools
internal import Synchronization

/// Records that a failover left behind, one JSON object per line; keys and values in base 64, since they are bytes.
final class TailFile: Sendable {
    private struct Line: Encodable {
        struct Header: Encodable {
            var name: String
            var value: String?
        }

        var topic: String
        var partition: Int32
        var offset: Int64
        var timestamp: Int64
        var key: String?
        var value: String?
        var headers: [Header]

        init(_ record: LostRecord) {
            topic = record.topic
            partition = record.partition
            offset = record.offset
            timestamp = record.timestamp
            key = record.key.map(Self.base64)
            value = record.value.map(Self.base64)
            headers = record.headers.map { Header(name: $0.name, value: $0.value.map(Self.base64)) }
        }

        private static func base64(_ bytes: ByteBuffer) -> String {
            Data(bytes.readableBytesView).base64EncodedString()
        }
    }

    private struct State {
        var file: UnsafeMutablePointer<FILE>
        var count = 0
    }

    private let path: String
    private let state: Mutex<State>

    /// - Throws: ``Failure`` also where there is such a file: it may hold what nobody else has.
    init(_ path: String) throws(Failure) {
        self.path = path
        guard access(path, F_OK) != 0 else {
            throw Failure(
                "--tail: \(path) exists already; name another file, or move that one away", exitCode: .usage)
        }
        let descriptor: Int32
        do throws(SystemReason) {
            descriptor = try PrivateFile.create(PrivateFile.partial(path))
        } catch {
            throw Failure("--tail: cannot write \(PrivateFile.partial(path)): \(error)", exitCode: .usage)
        }
        guard let file = fdopen(descriptor, "w") else {
            throw Failure("--tail: cannot write \(path): \(SystemReason())", exitCode: .usage)
        }
        state = Mutex(State(file: file))
    }

    /// Records written so far.
    var count: Int { state.withLock { $0.count } }

    func append(_ record: LostRecord) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = try encoder.encode(Line(record)) + [UInt8(ascii: "\n")]
        try state.withLock { state in
            let written = line.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, state.file) }
            guard written == line.count else { throw failed() }
            state.count += 1
        }
    }

    /// Gives the file its name, now that it is whole; nothing can be added any more.
    func finish() throws {
        try state.withLock { state in
            guard fclose(state.file) == 0, rename(PrivateFile.partial(path), path) == 0 else { throw failed() }
        }
    }

    /// Takes away what was written.
    func discard() {
        unlink(PrivateFile.partial(path))
    }

    private func failed() -> Failure { Failure("--tail: cannot write \(path): \(SystemReason())") }
}
