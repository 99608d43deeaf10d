import Glibc

/// Descriptors that are kept free for what cannot do without: files that are read, and the runtime itself.
///
/// A process must not use up what RLIMIT_NOFILE allows it. The threads that run Swift's tasks are libdispatch's, which
/// reads their state from `/proc` every second while there is work, and ends the process when it cannot open that file.
/// So connections are refused, made or accepted, while some descriptors are left.
package enum DescriptorReserve {
    /// The number of descriptors that the process may have open.
    package static var limit: UInt64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        return UInt64(limit.rlim_cur)
    }

    /// Whether a connection more leaves the reserve untouched, or so many times the reserve.
    ///
    /// The system gives out the lowest number that is free. So a number close to the limit means that all below it are
    /// in use.
    package static func remains(times: UInt64 = 1) -> Bool {
        let limit = limit
        let reserve = max(8, min(32, limit / 8)) * times
        let probe = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard probe >= 0 else { return errno != EMFILE && errno != ENFILE }
        close(probe)
        return UInt64(probe) + reserve < limit
    }
}
