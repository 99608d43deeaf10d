import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The storage of a broker's logs.
package enum LogStorage: Sendable {
    /// Nothing survives the process.
    case memory
    /// Kafka's layout below this directory: one directory per partition, `<topic>-<partition>`.
    /// `faults` lets tests and drills take the disk away.
    case directory(String, faults: DiskFaults? = nil)

    /// Faults of the disk; nil without a disk.
    var faults: DiskFaults? {
        switch self {
        case .memory: nil
        case .directory(_, let faults): faults
        }
    }
}

/// A disk that fails on demand: full, broken, or slow.
package final class DiskFaults: Sendable {
    private struct State {
        var bytesLeft: Int?
        var writeError: Int32 = 0
        var flushError: Int32 = 0
        var truncateError: Int32 = 0
        var stepsLeft: Int?
        var stepError: Int32 = 0
        var microseconds: UInt32 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Writes succeed for `bytes` more bytes, then fail with `errno` (ENOSPC, EIO); the last one may be cut short.
    package func failWrites(after bytes: Int, errno: Int32) {
        state.withLock {
            $0.bytesLeft = bytes; $0.writeError = errno
        }
    }

    package func failFlushes(errno: Int32) {
        state.withLock { $0.flushError = errno }
    }

    package func failTruncation(errno: Int32) {
        state.withLock { $0.truncateError = errno }
    }

    /// Files can be renamed and removed `steps` more times while a log is cleaned, then not any more.
    package func failSteps(after steps: Int, errno: Int32) {
        state.withLock {
            $0.stepsLeft = steps; $0.stepError = errno
        }
    }

    /// Each read, write and flush takes `milliseconds` longer; the disk is full after `bytesLeft` bytes. Nothing else is
    /// wrong with it.
    package func set(delay milliseconds: UInt32, bytesLeft: Int?) {
        state.withLock {
            $0 = State()
            $0.microseconds = milliseconds * 1_000
            $0.bytesLeft = bytesLeft
            $0.writeError = ENOSPC
        }
    }

    /// Waits as long as an access to a slow disk does. The caller is blocked, as by a disk.
    func wait() {
        let microseconds = state.withLock { $0.microseconds }
        if microseconds > 0 { usleep(microseconds) }
    }

    /// The disk works again.
    package func heal() {
        state.withLock { $0 = State() }
    }

    /// The part of `count` bytes that may still be written, and the error that follows them.
    func allowance(for count: Int) -> (bytes: Int, errno: Int32) {
        state.withLock { state in
            guard let left = state.bytesLeft else { return (count, 0) }
            let granted = min(left, count)
            state.bytesLeft = left - granted
            return (granted, granted < count ? state.writeError : 0)
        }
    }

    /// Counts one rename or removal; the error if it must fail.
    func takeStep() -> Int32? {
        state.withLock { state in
            guard let left = state.stepsLeft else { return nil }
            state.stepsLeft = max(left - 1, 0)
            return left > 0 ? nil : state.stepError
        }
    }

    var flushError: Int32 { state.withLock { $0.flushError } }
    var truncateError: Int32 { state.withLock { $0.truncateError } }
}
