internal import KafkaClient

/// `clusters.<name>.tls`: whom to trust and who to be.
enum TLSSection {
    static func parse(_ section: Section) -> TLSSettings {
        var section = section
        defer { section.finish() }
        var settings = TLSSettings()
        settings.caFile = section.string("caFile")
        settings.serverName = section.string("serverName")
        settings.verification =
            section.choice(
                "verification", ["full": TLSSettings.Verification.full, "chainOnly": .chainOnly, "none": .none],
                default: .full)
        if section.keys.contains("keystoreFile") {
            section.refuse(
                ["certificateFile", "keyFile", "keyPassword"],
                "has no effect with keystoreFile, which holds certificate and key; remove one of them")
        }
        settings.keystoreFile = section.string("keystoreFile")
        settings.keystorePassword = section.secret("keystorePassword")
        settings.certificateFile = section.string("certificateFile")
        settings.keyFile = section.string("keyFile")
        settings.keyPassword = section.secret("keyPassword")
        if !section.keys.contains("keystoreFile") {
            section.refuse(["keystorePassword"], "has no effect without keystoreFile")
        }
        if !section.keys.contains("certificateFile"), !section.keys.contains("keystoreFile") {
            section.refuse(
                ["keyFile", "keyPassword"], "has no effect without certificateFile: a key alone proves nothing")
        }
        return settings
    }
}
