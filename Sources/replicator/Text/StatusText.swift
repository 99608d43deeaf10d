internal import Replication
internal import ReplicatorDaemon

/// A status document for a terminal.
struct StatusText {
    private let document: StatusDocument
    private let allPartitions: Bool

    init(_ document: StatusDocument, allPartitions: Bool) {
        self.document = document
        self.allPartitions = allPartitions
    }

    var text: String {
        let uptime = Quantities.seconds(Double(document.time - document.startedAt) / 1_000)
        var lines = [
            "replicator \(document.version), \(document.isReady ? "ready" : "NOT READY"), up for \(uptime)", "",
        ]
        lines += clusters
        for flow in document.flows { lines += [""] + describe(flow) }
        if !document.obstacles.isEmpty { lines += ["", "Not ready because:"] + document.obstacles.map { "  " + $0 } }
        if let reload = document.lastReload, !reload.isApplied {
            lines += ["", "The last reload was refused:"] + reload.messages.map { "  " + $0 }
        }
        return lines.joined(separator: "\n")
    }

    private var clusters: [String] {
        var table = TextTable([
            "CLUSTER": .left, "STATE": .left, "BROKERS": .right, "THROTTLED": .right, "ID": .left,
        ])
        for cluster in document.clusters {
            table.add([
                cluster.name, cluster.isUp.map { $0 ? "up" : "DOWN" } ?? "?", cluster.brokers.map { "\($0)" } ?? "-",
                Quantities.seconds(cluster.throttleSeconds), cluster.clusterID ?? "-",
            ])
        }
        return table.lines
    }

    private func describe(_ flow: FlowDocument) -> [String] {
        let status = flow.status
        var lines = [
            "\(status.name): \(status.source) -> \(status.target), \(status.state), "
                + "\(flow.rates.topics.reduce(0) { $0 + $1.partitions }) partitions, lag \(Self.lag(flow.rates)), "
                + "\(Quantities.bytes(flow.rates.bytesPerSecond))/s"
                + (status.bytesPerSecondLimit.map { " of at most \(Quantities.bytes(Double($0)))/s" } ?? "")
        ]
        if let reason = status.reason { lines.append("  \(reason)") }
        if let age = flow.rates.sampleAge, age > Self.oldSample {
            lines.append("  rates and lag are \(Quantities.seconds(age)) old")
        }
        if !status.paused.isEmpty { lines.append("  paused: \(status.paused.joined(separator: ", "))") }
        if !flow.rates.topics.isEmpty { lines += indented(topics(flow.rates.topics)) }
        let waiting = (status.waiting ?? []).map { "\($0.topic) waits: \($0.reason)" }
        if !waiting.isEmpty { lines += [""] + indented(waiting) }
        let excluded = (status.excluded ?? []).map { "\($0.topic) is \($0.reason)" }
        if !excluded.isEmpty { lines += [""] + indented(excluded) }
        let shown = status.partitions.filter { allPartitions || $0.isProblem }
        if !shown.isEmpty { lines += [""] + indented(partitions(shown)) }
        if !status.groups.isEmpty { lines += [""] + indented(groups(status.groups)) }
        return lines
    }

    /// Groups that are listed although nothing is wrong with them.
    private static let shownGroups = 20

    private func groups(_ groups: [FlowStatus.Group]) -> [String] {
        let troubled = groups.filter { $0.state == .refused || $0.state == .failed }
        let others = groups.filter { $0.state != .refused && $0.state != .failed }
        var table = TextTable(["GROUP": .left, "STATE": .left, "PARTITIONS": .right, "WHY": .left])
        for group in troubled + others.prefix(Self.shownGroups) {
            let name = group.group == group.targetGroup ? group.group : "\(group.group) (there \(group.targetGroup))"
            table.add([name, "\(group.state)", "\(group.partitions.count)", group.reason ?? ""])
        }
        let more = others.count - Self.shownGroups
        return table.lines + (more > 0 ? ["and \(more) more"] : [])
    }

    private func topics(_ topics: [FlowSample.Topic]) -> [String] {
        var table = TextTable([
            "TOPIC": .left, "TARGET": .left, "PARTITIONS": .right, "STATE": .left, "LAG": .right, "RECORDS/S": .right,
            "BYTES/S": .right, "LATENCY": .right, "MAX": .right,
        ])
        for topic in topics {
            table.add([
                topic.topic, topic.targetTopic, "\(topic.partitions)", topic.state,
                topic.lag.map(Quantities.count) ?? "?",
                Quantities.count(Int64(topic.recordsPerSecond.rounded())), Quantities.bytes(topic.bytesPerSecond),
                topic.latencyMean.map(Quantities.seconds) ?? "-", topic.latencyMaximum.map(Quantities.seconds) ?? "-",
            ])
        }
        return table.lines
    }

    private func partitions(_ partitions: [FlowStatus.Partition]) -> [String] {
        var table = TextTable([
            "PARTITION": .left, "STATE": .left, "SOURCE OFFSET": .right, "SOURCE END": .right, "TARGET OFFSET": .right,
            "LAG": .right, "WHY": .left,
        ])
        for partition in partitions {
            let isStuck = partition.stuckForSeconds != nil
            table.add([
                "\(partition.topic)-\(partition.partition)", isStuck ? "stuck" : partition.state.rawValue,
                Quantities.count(partition.sourceOffset), Self.offset(partition.sourceEnd),
                Self.offset(partition.targetOffset), partition.lag.map(Quantities.count) ?? "?",
                partition.reason ?? Self.standstill(partition) ?? partition.lagUnknown ?? "",
            ])
        }
        return table.lines
    }

    private static func standstill(_ partition: FlowStatus.Partition) -> String? {
        partition.stuckForSeconds.map { seconds in
            "no progress for \(seconds) s" + ((partition.obstacle ?? partition.lagUnknown).map { ": \($0)" } ?? "")
        }
    }

    private static func offset(_ offset: Int64) -> String { offset < 0 ? "?" : Quantities.count(offset) }

    /// The age of a sample, in seconds, that is worth telling.
    private static let oldSample = 5.0

    private static func lag(_ rates: FlowDocument.Rates) -> String {
        if let lag = rates.lag { return Quantities.count(lag) }
        guard let known = rates.knownLag, let unknown = rates.lagUnknownPartitions else { return "unknown" }
        return "at least \(Quantities.count(known)), unknown of \(unknown) partition\(unknown == 1 ? "" : "s")"
    }

    private func indented(_ lines: [String]) -> [String] {
        lines.map { "  " + $0 }
    }
}
