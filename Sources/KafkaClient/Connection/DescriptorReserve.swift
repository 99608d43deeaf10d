import Glibc
import Synchronization

/// Descriptors that are kept free for what cannot do without: files that are read, and the runtime itself.
///
/// A process must not use up what RLIMIT_NOFILE allows it. The threads that run Swift's tasks are libdispatch's, which
/// reads their state from `/proc` every second while there is work, and ends the process when it cannot open that file.
/// So connections are refused, made or accepted, while some descriptors are left.
package enum DescriptorReserve {
    /// Connections that are being made and may not have their descriptors yet.
    private static let claims = Mutex<UInt64>(0)

    /// The number of descriptors that the process may have open.
    package static var limit: UInt64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        return UInt64(limit.rlim_cur)
    }

    /// Takes a descriptor for a connection that is about to be made, until ``release()``.
    ///
    /// - Returns: whether there is one beside the reserve.
    static func claim() -> Bool {
        claims.withLock { claims in
            guard isFree(claims + 1, times: 1) else { return false }
            claims += 1
            return true
        }
    }

    /// The connection has its descriptor, or will never have one.
    static func release() {
        claims.withLock { $0 -= 1 }
    }

    /// Tells whether the reserve is untouched, or so many times the reserve.
    package static func remains(times: UInt64) -> Bool {
        claims.withLock { isFree($0, times: times) }
    }

    /// The system gives out the lowest number that is free. So a number close to the limit means that all below it are
    /// in use.
    private static func isFree(_ count: UInt64, times: UInt64) -> Bool {
        let limit = limit
        let reserve = max(8, min(32, limit / 8)) * times
        let probe = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard probe >= 0 else { return errno != EMFILE && errno != ENFILE }
        close(probe)
        // No overflow: descriptors are of 32 bits, and claims are fewer.
        return UInt64(probe) + count + reserve <= limit
    }
}
