// Which of the settings of topics and brokers each release has, and the defaults that a release changed.

extension BrokerRelease {
    /// Tells whether the release has a setting of topics or brokers that this broker knows.
    ///
    /// 4.0 took back what was for record formats of before 0.11 (KIP-724) and the old bound on timestamps (KIP-937). What is
    /// for tiered storage that is switched off came with 3.9.
    func hasConfig(_ name: String) -> Bool {
        if Self.former.contains(name) { return self < .kafka40 }
        return self >= .kafka40 || !Self.later.contains(name)
    }

    private static let former: Set = [
        "message.format.version", "message.downconversion.enable", "message.timestamp.difference.max.ms",
        "log.message.format.version", "log.message.downconversion.enable", "log.message.timestamp.difference.max.ms",
    ]

    private static let later: Set = ["remote.log.copy.disable", "remote.log.delete.on.disable"]

    /// The default of a setting where it is another than that of 3.8: 4.0 takes no records from more than an hour ahead
    /// (KIP-1030).
    func changedDefault(of name: String) -> String? {
        self >= .kafka40 && Self.aheadOfTime.contains(name) ? "3600000" : nil
    }

    private static let aheadOfTime: Set = ["message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms"]
}
