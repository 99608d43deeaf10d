extension DescriptorLimit {
    /// Threads, listeners and a connection to each of two small clusters take about fifty.
    private static let least: UInt64 = 64

    /// Raises the limit, and refuses to begin where it is so low that the runtime would end the process in its own way.
    ///
    /// - Returns: how many descriptors the process may have open.
    /// - Throws: ``Failure`` with the remedy.
    @discardableResult
    static func ensure() throws(Failure) -> UInt64 {
        let limit = raise().soft
        guard limit >= least else {
            throw Failure(
                "the process may have only \(limit) files and connections open, and needs \(least) at least; raise the "
                    + "limit (LimitNOFILE= of the systemd unit, ulimit -n)")
        }
        return limit
    }
}
