internal import Replication

/// `sync`: which metadata is kept in step, and how.
enum SyncSection {
    static func parse(_ section: Section) -> SyncSettings {
        var section = section
        defer { section.finish() }
        var settings = SyncSettings()
        settings.topicConfigs = section.bool("topicConfigs", default: settings.topicConfigs)
        settings.partitions = section.bool("partitions", default: settings.partitions)
        settings.acls = section.bool("acls", default: settings.acls)
        settings.groupOffsets = section.bool("groupOffsets", default: settings.groupOffsets)
        settings.groupConfigs = section.bool("groupConfigs", default: settings.groupConfigs)
        settings.newTopics = section.bool("newTopics", default: settings.newTopics)
        settings.quotas = section.bool("quotas", default: settings.quotas)
        settings.interval = section.duration(
            "interval", in: .milliseconds(100) ... .seconds(86_400), default: settings.interval)
        settings.configExclude = SelectionSection.patterns(
            "configExclude", &section, default: settings.configExclude)
        if let factor = replicationFactor(&section) { settings.replicationFactor = factor }
        if let deletion = deletion(&section) { settings.deleteTopics = deletion }
        settings.aclMode = section.choice(
            "aclMode", ["topics": AclMode.topics, "full": .full], default: settings.aclMode)
        settings.principals = principals(&section, isUsed: settings.aclMode == .full || settings.quotas)
        return settings
    }

    private static func replicationFactor(_ section: inout Section) -> ReplicationFactor? {
        guard
            let text = section.string(
                "replicationFactor", pattern: "source|broker|[1-9][0-9]?|100", standard: "source")
        else { return nil }
        switch text {
        case "source": return .source
        case "broker": return .broker
        default:
            if let number = Int16(text), (1...100).contains(number) { return .number(number) }
            section.report(
                "expected source, broker or a number of replicas from 1 to 100, found \"\(text)\"",
                about: "replicationFactor")
            return nil
        }
    }

    /// `never`, or `{after: 24h}`.
    private static func deletion(_ section: inout Section) -> TopicDeletion? {
        guard section.isMapping("deleteTopics") else {
            return section.choice("deleteTopics", ["never": TopicDeletion.never], standard: "never")
        }
        guard var nested = section.section("deleteTopics") else { return nil }
        defer { nested.finish() }
        guard nested.requires("after", "how long after a source topic is gone its copy is deleted, such as 24h") else {
            return nil
        }
        return nested.duration("after", in: .zero ... .seconds(366 * 86_400)).map { .after($0) }
    }

    /// Principals are written as Kafka prints them: a type, a colon and a name.
    private static func principals(_ section: inout Section, isUsed: Bool) -> [String: String] {
        guard var mapping = section.names("principals", .namedTexts) else { return [:] }
        defer { mapping.finish() }
        var principals: [String: String] = [:]
        for source in mapping.keys {
            guard let target = mapping.string(source) else { continue }
            for principal in [source, target] where !isPrincipal(principal) {
                mapping.report("\"\(principal)\" is not a principal; write it as User:name", about: source)
            }
            principals[source] = target
        }
        if !isUsed, !principals.isEmpty {
            section.report(
                "has no effect with aclMode topics and without quotas; set aclMode to full, or remove it",
                about: "principals")
        }
        return principals
    }

    private static func isPrincipal(_ text: String) -> Bool {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
    }
}
