internal import KafkaClient
internal import KafkaWire
internal import Replication

/// `flows[i]`: from where, to where, what and how.
enum FlowSection {
    /// The alias of each cluster in prefixed names, by any flow that reads from it.
    static func aliases(of sections: [Section]) -> [String: String] {
        var aliases: [String: String] = [:]
        for section in sections {
            var flow = section.lookedAhead()
            guard let source = flow.string("source"), var naming = flow.section("naming"),
                let alias = naming.string("alias")
            else { continue }
            aliases[source] = alias
        }
        return aliases
    }

    static func parse(
        _ section: Section, clusters: [String: ClusterSettings], aliases: [String: String]
    ) -> FlowSettings? {
        var section = section
        defer { section.finish() }
        let name = name(&section)
        let source = cluster("source", &section, clusters)
        let target = cluster("target", &section, clusters)
        let topics = section.section("topics").map { SelectionSection.parse($0, allow: []) }
        section.requires("topics")
        if topics == nil {
            section.report(
                "missing required key \"topics\": which topics to copy, such as allow: [\".*\"]", about: "topics")
        }
        let groups = section.sectionOrDefaults("consumerGroups").map { GroupSection.parse($0) }
        let naming = NamingSection.parse(&section, source: source?.name)
        let loopPrevention = section.choice(
            "loopPrevention", ["headers": LoopPrevention.headers, "producerIds": .producerIds], standard: "headers")
        let startFrom = startPosition(&section)
        let compression = compression(&section)
        let delivery = section.choice(
            "delivery", ["exactlyOnce": DeliveryGuarantee.exactlyOnce, "atLeastOnce": .atLeastOnce],
            standard: "exactlyOnce")
        let offsets = section.choice(
            "offsets", ["translate": OffsetChoice.translate, "preserve": .preserve], standard: "translate")
        let holes = section.choice(
            "holes", ["markers": HoleChoice.markers, "filler": .filler], standard: "markers")
        let policies = section.sectionOrDefaults("policies").map { PolicySection.parse($0) }
        let onForeignLoopHeader = section.choice(
            "onForeignLoopHeader", ["stop": ForeignLoopHeaderPolicy.stop, "ignore": .ignore], standard: "stop")
        let sync = section.sectionOrDefaults("sync").map { SyncSection.parse($0) }
        let limits = section.sectionOrDefaults("limits").map { LimitSection.parse($0) }
        let bufferBytes = section.bytes("bufferBytes", in: (4 << 20)...(64 << 30), standard: 32 << 20)
        let shards = section.integer("shards", in: 1...64)
        if offsets == .preserve {
            checkPreserving(&section, delivery, policies)
        } else if holes == .filler {
            section.report(
                "filler needs offsets: preserve: with offsets: translate holes of the source are not copied",
                about: "holes")
        }
        if let source, let target, source.name == target.name {
            section.report("source and target are the same cluster \"\(source.name)\"", about: "target")
        }
        guard let name, let source, let target, let topics else { return nil }
        if source.name != target.name,
            let shared = Set(source.bootstrapServers).intersection(target.bootstrapServers).first
        {
            section.report(
                "source \"\(source.name)\" and target \"\(target.name)\" are the same cluster: both list \(shared)",
                about: "target")
        }
        var settings = FlowSettings(
            name: name, source: source, target: target, topics: topics,
            consumerGroups: groups?.selection ?? GroupSection.standard,
            naming: naming ?? .prefix(alias: source.name, separator: "."),
            targetAlias: aliases[target.name] ?? target.name)
        if let loopPrevention { settings.loopPrevention = loopPrevention }
        if let startFrom { settings.startFrom = startFrom }
        if let compression { settings.compression = compression }
        if let delivery { settings.delivery = delivery }
        if let offsets { settings.offsets = offsets }
        if let holes { settings.holes = holes }
        if let policies { settings.policies = policies }
        if let onForeignLoopHeader { settings.onForeignLoopHeader = onForeignLoopHeader }
        if let sync { settings.sync = sync }
        if let limits { settings.limits = limits }
        if let groups { settings.groupPrefix = groups.prefix }
        if let bufferBytes { settings.bufferBytes = bufferBytes }
        settings.shards = shards
        return settings
    }

    /// Settings that cannot be had with the source's offsets.
    private static func checkPreserving(
        _ section: inout Section, _ delivery: DeliveryGuarantee?, _ policies: FlowPolicies?
    ) {
        if delivery == .atLeastOnce {
            section.report(
                "preserve needs delivery: exactlyOnce: a record that is there twice moves all that follow",
                about: "offsets")
        }
        for (name, policy) in [("truncated", policies?.truncated), ("recreated", policies?.recreated)]
        where policy == .continue {
            section.report(
                "preserve cannot go with policies: {\(name): continue}: what is copied behind a log that was cut, or is "
                    + "another one, cannot have its source's offsets", about: "offsets")
        }
    }

    /// A flow's name is part of topic names and metric labels.
    private static func name(_ section: inout Section) -> String? {
        guard
            let name = section.required(
                "name", "what the flow is called in topics, metrics and commands", pattern: "[A-Za-z0-9._-]{1,200}")
        else {
            return nil
        }
        let allowed = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
        guard allowed, !name.isEmpty, name.count <= 200 else {
            section.report("may hold letters, digits, \".\", \"_\" and \"-\", at most 200 of them", about: "name")
            return nil
        }
        return name
    }

    private static func cluster(
        _ key: String, _ section: inout Section, _ clusters: [String: ClusterSettings]
    ) -> ClusterSettings? {
        guard let name = section.required(key, "the name of a cluster under \"clusters\"") else { return nil }
        if let cluster = clusters[name] { return cluster }
        let known = clusters.keys.sorted().joined(separator: ", ")
        section.report("no cluster is called \"\(name)\"; there are: \(known.isEmpty ? "none" : known)", about: key)
        return nil
    }

    private static func startPosition(_ section: inout Section) -> StartPosition? {
        guard let text = section.string("startFrom", pattern: ISOTime.startPattern, standard: "latest") else {
            return nil
        }
        switch text {
        case "latest": return .latest
        case "earliest": return .earliest
        default:
            if let time = ISOTime.milliseconds(text) { return .timestamp(time) }
            section.report(
                "expected latest, earliest or an ISO-8601 time such as 2026-01-31T12:00:00Z, found \"\(text)\"",
                about: "startFrom")
            return nil
        }
    }

    private static func compression(_ section: inout Section) -> CompressionChoice? {
        section.choice(
            "compression",
            [
                "keep": CompressionChoice.keep, "none": .codec(.none), "gzip": .codec(.gzip),
                "snappy": .codec(.snappy), "lz4": .codec(.lz4), "zstd": .codec(.zstd),
            ], standard: "keep")
    }
}

/// `naming`: how topics are called on the target.
enum NamingSection {
    static func parse(_ flow: inout Section, source: String?) -> TopicNaming? {
        let isMissing = !flow.has("naming")
        guard var section = flow.sectionOrDefaults("naming") else { return nil }
        defer { section.finish() }
        let mode = section.choice("mode", ["prefix": true, "identical": false], standard: isMissing ? "prefix" : nil)
        let alias = section.string("alias", pattern: topicNamePart, standard: mode == false ? nil : source)
        let separator = section.string("separator", pattern: topicNamePart, standard: mode == false ? nil : ".")
        if isMissing { return nil }
        section.requires("mode")
        if mode == nil, !section.keys.contains("mode") {
            section.report("missing required key \"mode\": prefix or identical", about: "mode")
        }
        guard let prefixes = mode else { return nil }
        guard prefixes else {
            if alias != nil { section.report("has no effect with mode identical; remove it", about: "alias") }
            if separator != nil { section.report("has no effect with mode identical; remove it", about: "separator") }
            return .identical
        }
        if let alias, !isTopicNamePart(alias) {
            section.report("may hold letters, digits, \".\", \"_\" and \"-\" only, as topic names do", about: "alias")
        }
        if let separator, !isTopicNamePart(separator) {
            section.report(
                "may hold letters, digits, \".\", \"_\" and \"-\" only, as topic names do", about: "separator")
        }
        guard let name = alias ?? source else { return nil }
        return .prefix(alias: name, separator: separator ?? ".")
    }

    private static let topicNamePart = "[A-Za-z0-9._-]+"

    private static func isTopicNamePart(_ text: String) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
    }
}

/// `topics`, `consumerGroups`: allow and deny expressions over whole names.
enum SelectionSection {
    static func parse(_ section: Section, allow standard: [String]) -> NameSelection {
        var section = section
        defer { section.finish() }
        return parse(&section, allow: standard, deny: [])
    }

    static func parse(_ section: inout Section, allow standard: [String], deny: [String]) -> NameSelection {
        let selection = NameSelection(
            allow: patterns("allow", &section, default: standard.compactMap { try? NamePattern($0) }),
            deny: patterns("deny", &section, default: deny.compactMap { try? NamePattern($0) }))
        if standard.isEmpty { section.requires("allow") }
        if selection.allow.isEmpty, standard.isEmpty, section.isEmptyList("allow") {
            section.report(
                "selects nothing; list whole-name regular expressions, such as [\"orders.*\"]", about: "allow")
        }
        return selection
    }

    static func patterns(_ key: String, _ section: inout Section, default standard: [NamePattern]) -> [NamePattern] {
        let texts = section.strings(key, standard: standard.isEmpty ? nil : standard.map(\.text))
        guard let texts else { return standard }
        return texts.compactMap { text in
            do throws(InvalidPattern) {
                return try NamePattern(text)
            } catch {
                section.report("\(error)", about: key)
                return nil
            }
        }
    }
}

/// `consumerGroups`: whose positions are kept in step, and under which name.
enum GroupSection {
    /// MirrorMaker 2's default exclusions (`DefaultGroupFilter`).
    private static let deny = ["console-consumer-.*", "connect-.*", "__.*"]

    static let standard = NameSelection(
        allow: [".*"].compactMap { try? NamePattern($0) }, deny: deny.compactMap { try? NamePattern($0) })

    static func parse(_ section: Section) -> (selection: NameSelection, prefix: String) {
        var section = section
        defer { section.finish() }
        let selection = SelectionSection.parse(&section, allow: [".*"], deny: deny)
        guard var rename = section.section("rename") else { return (selection, "") }
        defer { rename.finish() }
        let prefix = rename.string("prefix")
        if prefix == nil || prefix == "" {
            rename.report("what to put before the name of a group on the target, such as \"dr.\"", about: "prefix")
        }
        return (selection, prefix ?? "")
    }
}

/// `policies`: what a partition does about losses.
enum PolicySection {
    static func parse(_ section: Section) -> FlowPolicies {
        var section = section
        defer { section.finish() }
        var policies = FlowPolicies()
        let choices: KeyValuePairs = ["stop": LossPolicy.stop, "continue": .continue]
        policies.expired = section.choice("expired", choices, default: policies.expired)
        policies.truncated = section.choice("truncated", choices, default: policies.truncated)
        policies.recreated = section.choice("recreated", choices, default: policies.recreated)
        policies.quarantined = section.choice("quarantined", choices, default: policies.quarantined)
        return policies
    }
}

/// `limits`: how fast a flow may be.
enum LimitSection {
    static func parse(_ section: Section) -> LimitSettings {
        var section = section
        defer { section.finish() }
        return LimitSettings(bytesPerSecond: section.bytes("bytesPerSecond", in: 1_000...(1 << 50)))
    }
}
