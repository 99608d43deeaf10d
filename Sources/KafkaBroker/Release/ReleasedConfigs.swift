extension BrokerRelease {
    /// Whether the release has a setting of topics or brokers that this broker knows: 4.0 took back what was for record
    /// formats of before 0.11 (KIP-724).
    func hasConfig(_ name: String) -> Bool { self < .kafka40 || !Self.formerConfigs.contains(name) }

    private static let formerConfigs: Set = [
        "message.format.version", "message.downconversion.enable", "log.message.format.version",
        "log.message.downconversion.enable",
    ]
}
