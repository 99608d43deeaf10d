package import KafkaWire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The disk refused: what was tried, on which file, and the system's reason.
package struct LogError: Error, Hashable, CustomStringConvertible {
    package let operation: String
    package let path: String
    /// The system's error number; 0 where the system gave none.
    package let errno: Int32
    /// True if the file's contents are unknown: the log must be opened again, and so checked, before it is used.
    package let leavesDoubt: Bool
    /// The reason, where the system's number does not say it.
    package let detail: String?

    package init(_ operation: String, path: String, errno: Int32, leavesDoubt: Bool = false, detail: String? = nil) {
        self.operation = operation
        self.path = path
        self.errno = errno
        self.leavesDoubt = leavesDoubt
        self.detail = detail
    }

    func leavingDoubt() -> LogError {
        LogError(operation, path: path, errno: errno, leavesDoubt: true, detail: detail)
    }

    /// True if the disk has no room, for us or for anybody.
    var isFullDisk: Bool { errno == ENOSPC || errno == EDQUOT }

    package var description: String {
        detail.map { "\(path): \($0)" } ?? "\(path): \(operation): \(PosixFile.text(ofError: errno))"
    }
}

/// The reason why an append was refused, as the produce response says it.
package struct ProduceRefusal: Error, Hashable, CustomStringConvertible {
    /// One record at fault, by its place in the batch.
    package struct RecordError: Hashable, Sendable {
        package let index: Int32
        package let message: String
    }

    package let code: ErrorCode
    package let message: String
    /// Set where Kafka names the records at fault; the batch is refused as a whole.
    package let recordErrors: [RecordError]

    package init(_ code: ErrorCode, _ message: String, recordErrors: [RecordError] = []) {
        self.code = code
        self.message = message
        self.recordErrors = recordErrors
    }

    init(_ error: LogError) {
        self.init(.kafkaStorageError, error.description)
    }

    package var description: String { "\(code): \(message)" }
}

/// The reason why a read or another request about the log was refused.
package struct LogReadError: Error, Hashable, CustomStringConvertible {
    package let code: ErrorCode
    package let message: String

    package init(_ code: ErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    init(_ error: LogError) {
        self.init(.kafkaStorageError, error.description)
    }

    package var description: String { "\(code): \(message)" }
}
