// How records are read and written, and what is kept in step.
extension FlowImport {
    mutating func records() -> [(key: String, value: String)] {
        let reset = properties.take(
            clientKeys("auto.offset.reset", role: "consumer", cluster: route.source, side: "source"))
        var start = "earliest"
        switch reset?.value.lowercased() {
        case nil, "earliest"?: break
        case "latest"?: start = "latest"
        default:
            remarks.append(.toDo("\(reset?.name ?? "auto.offset.reset") is neither earliest nor latest; set startFrom"))
        }
        var settings = [("startFrom", start)]
        let codec = properties.take(
            clientKeys("override.compression.type", role: "producer", cluster: route.target, side: "target")
                + clientKeys("compression.type", role: "producer", cluster: route.target, side: "target")
                + ["\(route.target).compression.type", "compression.type"])
        // MirrorMaker decompresses everything; a producer without a codec writes uncompressed. Keeping is cheaper.
        if let codec, codec.value.lowercased() != "none" {
            if ["gzip", "snappy", "lz4", "zstd"].contains(codec.value.lowercased()) {
                settings.append(("compression", codec.value.lowercased()))
            } else {
                remarks.append(.toDo("\(codec.name) names no codec; set compression, or keep that of the batches"))
            }
        }
        isolation()
        let exactlyOnce = properties.take(
            ["\(route.target).exactly.once.source.support", "exactly.once.source.support"])
        if exactlyOnce?.value.lowercased() != "enabled" {
            let name = origin.split(separator: " on ").first.map { String($0) } ?? origin
            remarks.append(
                .differs("\(name) wrote at least once; here delivery is exactlyOnce unless you say otherwise"))
        }
        return settings
    }

    private mutating func isolation() {
        let level = properties.take(
            clientKeys("isolation.level", role: "consumer", cluster: route.source, side: "source"))
        switch level?.value.lowercased() {
        case nil: break
        case "read_committed"?:
            remarks.append(.needless("\(level?.name ?? ""): aborted records are never copied here"))
        default:
            remarks.append(.differs("\(level?.name ?? ""): aborted records were copied as if they counted; here never"))
        }
    }

    /// Keys of a client's setting, the most particular first.
    private func clientKeys(_ key: String, role: String, cluster: String, side: String) -> [String] {
        ["\(route.prefix)\(side).", route.prefix, "\(cluster).", "\(cluster).\(side).", "\(side).", ""].map {
            "\($0)\(role).\(key)"
        }
    }

    mutating func sync() -> [(key: String, value: String)] {
        var settings = [
            ("sync.topicConfigs", flag("sync.topic.configs.enabled", default: true)),
            ("sync.acls", flag("sync.topic.acls.enabled", default: true)),
            ("sync.groupOffsets", flag("sync.group.offsets.enabled", default: false)),
            ("sync.newTopics", flag("refresh.topics.enabled", default: true)),
        ]
        settings += topics()
        if settings[2].1 == "false" {
            remarks.append(
                .differs("group offsets were not synchronised (sync.group.offsets.enabled); true costs little here"))
        }
        let intervals = [
            "refresh.topics", "sync.topic.configs", "sync.topic.acls", "refresh.groups", "sync.group.offsets",
        ].compactMap { take(["\($0).interval.seconds"]).flatMap { Int($0.value) } }.filter { $0 > 0 }
        if let shortest = intervals.min() {
            settings.append(("sync.interval", "\(min(shortest, 86_400))s"))
            remarks.append(.differs("there is one sync.interval for everything; the default would be 5s"))
        }
        return settings
    }

    private mutating func flag(_ key: String, default standard: Bool) -> String {
        guard let entry = take([key]) else { return "\(standard)" }
        if let value = Bool(kafka: entry.value) { return "\(value)" }
        remarks.append(.toDo("\(entry.name) is neither true nor false; \(standard) is written, its default"))
        return "\(standard)"
    }

    /// Settings of the topics that it makes.
    private mutating func topics() -> [(key: String, value: String)] {
        var settings: [(key: String, value: String)] = []
        if let factor = take(["replication.factor"]) {
            switch Int(factor.value) ?? 0 {
            case -1: settings.append(("sync.replicationFactor", "broker"))
            case 1...100: settings.append(("sync.replicationFactor", factor.value))
            default: remarks.append(.toDo("\(factor.name) is no number of replicas; set sync.replicationFactor"))
            }
        } else if origin.hasPrefix("MirrorMaker 2") {
            remarks.append(
                .differs("new topics had 2 replicas (replication.factor); here they have as many as at the source"))
        }
        if let excluded = patterns(
            "config.properties.exclude", take(["config.properties.exclude", "config.properties.blacklist"]))
        {
            settings.append(("sync.configExclude", YAMLText.list(excluded)))
        }
        return settings
    }
}
