internal import Glibc

/// The limit on open files of this process. Shells and containers often set a low one that a process may raise itself.
enum DescriptorLimit {
    /// Raises the soft limit to the hard one, so that connections do not run out while the system has more to give.
    ///
    /// A failure changes nothing: the process has what it had.
    ///
    /// - Returns: the limit in force, for a log line; nil when the system does not tell.
    @discardableResult
    static func raise() -> UInt64? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        guard limit.rlim_cur < limit.rlim_max else { return UInt64(limit.rlim_cur) }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return UInt64(before) }
        return UInt64(limit.rlim_cur)
    }
}
