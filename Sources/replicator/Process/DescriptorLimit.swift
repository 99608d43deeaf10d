internal import Glibc

/// The number of files and connections that the process may have open, RLIMIT_NOFILE.
enum DescriptorLimit {
    /// Raises the soft limit to the hard one, as far as the system lets it.
    ///
    /// The soft limit is low for the sake of programs that use `select`; this one has no use for it.
    ///
    /// - Returns: the limits that hold now.
    @discardableResult
    static func raise() -> (soft: UInt64, hard: UInt64) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return (1_024, 1_024) }
        guard limit.rlim_cur < limit.rlim_max else { return (UInt64(limit.rlim_cur), UInt64(limit.rlim_max)) }
        var wanted = limit
        wanted.rlim_cur = limit.rlim_max
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &wanted) == 0 { limit = wanted }
        return (UInt64(limit.rlim_cur), UInt64(limit.rlim_max))
    }
}
