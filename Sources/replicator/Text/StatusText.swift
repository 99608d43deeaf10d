internal import KafkaClient
internal import PlainText
internal import Replication
internal import ReplicatorDaemon
internal import TerminalText

/// A status document for a terminal: trouble first, whatever is the worst at the top.
struct StatusText {
    /// The room there is.
    struct Layout {
        /// Nil for lines as long as it takes.
        var width: Int?
        /// Entries of all lists together that are shown, the most important first; the others are counted. Nil for all
        /// that are worth it.
        var entries: Int?
        var hasColors = false
    }

    /// Entries of a list that are worth scrolling through.
    private static let largest = 100
    /// More than all lists hold together of a handful of flows.
    static let manyEntries = 2_000

    private let document: StatusDocument
    private let allPartitions: Bool
    private let layout: Layout
    /// Entries that there is room for yet.
    private var left: Int

    init(_ document: StatusDocument, allPartitions: Bool, layout: Layout) {
        self.document = document
        self.allPartitions = allPartitions
        self.layout = layout
        left = layout.entries ?? .max
    }

    var lines: [String] {
        var rendering = self
        return rendering.render()
    }

    /// Room for as many entries of a list of so many.
    private mutating func take(_ count: Int, atMost most: Int = largest) -> Int {
        let taken = max(0, min(count, left, most))
        left -= taken
        return taken
    }

    private mutating func render() -> [String] {
        let uptime = Quantities.seconds(Double(document.time - document.startedAt) / 1_000)
        let ready = document.isReady ? styled("ready", .good) : styled("NOT READY", .bad)
        var lines = ["replicator \(document.version.printable()), \(ready), up for \(uptime)"]
        if !document.obstacles.isEmpty {
            lines += ["", styled("Not ready because:", .heading)] + list(document.obstacles, atLeast: 1)
        }
        if let reload = document.lastReload, !reload.isApplied {
            lines += ["", styled("The last reload was refused:", .heading)] + list(reload.messages, atLeast: 1)
        }
        lines += [""] + clusters
        for flow in flows { lines += [""] + describe(flow) }
        return lines
    }

    /// In the order of the configuration where they are equally well.
    private var flows: [FlowDocument] {
        document.flows.enumerated().sorted {
            ($0.element.verdict.condition.rank, $0.offset) < ($1.element.verdict.condition.rank, $1.offset)
        }.map(\.element)
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
        return lines(of: table, names: ["CLUSTER", "ID"], leaving: ["THROTTLED"], indentation: 0)
    }

    private mutating func describe(_ flow: FlowDocument) -> [String] {
        let status = flow.status
        let condition = flow.verdict.condition
        let heading =
            "\(status.name): \(status.source) -> \(status.target), \(condition), "
            + "\(flow.verdict.counts.partitions.counted("partition")), lag \(Self.lag(flow.rates)), "
            + "\(Quantities.bytes(flow.rates.bytesPerSecond))/s"
            + (status.bytesPerSecondLimit.map { " of at most \(Quantities.bytes(Double($0)))/s" } ?? "")
        var lines = wrapped(heading, indentation: "  ")
        if let style = Self.style(of: condition), let range = lines[0].firstRange(of: ", \(condition),") {
            lines[0].replaceSubrange(range, with: ", \(styled(condition.rawValue, style)),")
        }
        if let reason = status.reason { lines += indented(reason) }
        if let age = flow.rates.sampleAge, age > Self.oldSample {
            lines += indented("rates are \(Quantities.seconds(age)) old")
        }
        if !status.paused.isEmpty { lines += indented("paused: \(Self.some(status.paused))") }
        if let filling = flow.verdict.counts.filling { lines += indented(Self.text(filling)) }
        lines += instances(status.instances ?? [])
        lines += topics(flow)
        lines += waiting(status.waiting ?? [], of: flow.verdict.counts.waitingTopics)
        lines += excluded(status.excluded ?? [])
        lines += partitions(flow)
        return lines + groups(status.groups)
    }

    private static func text(_ filling: FlowCounts.Filling) -> String {
        let share = filling.end > 0 ? Double(filling.done) / Double(filling.end) * 100 : 100
        return "\(filling.partitions.counted("copy", "copies")) are brought to the offsets of their sources: "
            + "\(Quantities.count(filling.done)) of \(Quantities.count(filling.end)) offsets (\(Int(share)) %)"
    }

    /// A lone one is not worth a table.
    private mutating func instances(_ instances: [FlowStatus.Instance]) -> [String] {
        guard instances.count > 1 else { return [] }
        let silent = instances.filter { $0.reason != nil }
        let shown = (silent + instances.filter { $0.reason == nil }).prefix(take(instances.count))
        var table = TextTable([
            "INSTANCE": .left, "STATE": .left, "PARTITIONS": .right, "TASKS": .left, "FOR": .right, "ADDRESS": .left,
            "WHY": .left,
        ])
        for instance in shown {
            let age = Double(max(0, document.time.saturatingSubtracting(instance.since))) / 1_000
            table.add([
                instance.instance, instance.reason != nil ? "SILENT" : instance.isSelf ? "answers" : "up",
                instance.partitions.map { "\($0)" } ?? "?", instance.tasks?.joined(separator: ",") ?? "?",
                Quantities.seconds(age), instance.address ?? "-", instance.reason ?? "",
            ])
        }
        let lines = lines(
            of: table, names: ["INSTANCE", "ADDRESS"], leaving: ["ADDRESS", "TASKS", "FOR"], sentences: "WHY")
        return section(isEmpty: false, lines + more(instances.count - shown.count, "instance"))
    }

    private mutating func topics(_ flow: FlowDocument) -> [String] {
        var table = TextTable([
            "TOPIC": .left, "TARGET": .left, "PARTITIONS": .right, "STATE": .left, "LAG": .right, "RECORDS/S": .right,
            "BYTES/S": .right, "LATENCY": .right, "MAX": .right,
        ])
        let shown = flow.rates.topics.troubleFirst.prefix(take(flow.rates.topics.count))
        for topic in shown {
            table.add([
                topic.topic, topic.targetTopic, "\(topic.partitions)", topic.state,
                topic.lag.map(Quantities.count) ?? "?",
                Quantities.count(Int64(topic.recordsPerSecond.rounded())), Quantities.bytes(topic.bytesPerSecond),
                topic.latencyMean.map(Quantities.seconds) ?? "-", topic.latencyMaximum.map(Quantities.seconds) ?? "-",
            ])
        }
        let lines =
            shown.isEmpty
            ? [] : lines(of: table, names: ["TOPIC", "TARGET"], leaving: ["TARGET", "MAX", "LATENCY", "RECORDS/S"])
        return lines + more(max(flow.verdict.counts.topics, flow.rates.topics.count) - shown.count, "topic")
    }

    private mutating func waiting(_ waiting: [FlowStatus.WaitingTopic], of count: Int) -> [String] {
        let shown = waiting.prefix(take(waiting.count))
        return section(
            isEmpty: shown.isEmpty,
            shown.flatMap { indented("\($0.topic) waits: \($0.reason)") }
                + more(count - shown.count, "topic", "that waits", "that wait"))
    }

    private mutating func excluded(_ topics: [FlowStatus.ExcludedTopic]) -> [String] {
        let shown = topics.prefix(take(topics.count))
        return section(
            isEmpty: shown.isEmpty,
            shown.flatMap { indented("\($0.topic) is \($0.reason)") } + more(topics.count - shown.count, "topic"))
    }

    private mutating func partitions(_ flow: FlowDocument) -> [String] {
        let worst = flow.status.partitions.filter(\.isProblem).sorted { $0.state == .failed && $1.state != .failed }
        let all = allPartitions ? flow.status.partitions.filter { !$0.isProblem } : []
        // All that were asked for are shown, unless they have to fit somewhere.
        let shown = (worst + all).prefix(take(worst.count + all.count, atMost: allPartitions ? .max : Self.largest))
        let isShared = (flow.status.instances?.count ?? 1) > 1
        var table =
            isShared
            ? TextTable([
                "PARTITION": .left, "STATE": .left, "SOURCE OFFSET": .right, "SOURCE END": .right,
                "TARGET OFFSET": .right, "LAG": .right, "INSTANCE": .left, "WHY": .left,
            ])
            : TextTable([
                "PARTITION": .left, "STATE": .left, "SOURCE OFFSET": .right, "SOURCE END": .right,
                "TARGET OFFSET": .right, "LAG": .right, "WHY": .left,
            ])
        for partition in shown {
            let isStuck = partition.stuckForSeconds != nil
            let cells = [
                "\(partition.topic)-\(partition.partition)", isStuck ? "stuck" : partition.state.rawValue,
                Quantities.count(partition.sourceOffset), Self.offset(partition.sourceEnd),
                Self.offset(partition.targetOffset), partition.lag.map(Quantities.count) ?? "?",
            ]
            let why = partition.reason ?? Self.standstill(partition) ?? partition.lagUnknown ?? ""
            table.add(cells + (isShared ? [partition.instance ?? "?"] : []) + [why])
        }
        let counts = flow.verdict.counts
        let rest = (allPartitions ? counts.partitions : counts.failed + counts.stuck) - shown.count
        let lines =
            shown.isEmpty
            ? []
            : lines(
                of: table, names: ["PARTITION", "INSTANCE"], leaving: ["SOURCE END", "TARGET OFFSET", "INSTANCE"],
                sentences: "WHY")
        return section(
            isEmpty: shown.isEmpty,
            lines + (allPartitions ? more(rest, "partition") : more(rest, "partition", "in trouble", "in trouble")))
    }

    private mutating func groups(_ groups: [FlowStatus.Group]) -> [String] {
        let troubles: Set<FlowStatus.Group.State> = [.refused, .failed, .beyondEnd, .beyondCopies]
        let troubled = groups.filter { troubles.contains($0.state) }
        let others = groups.filter { !troubles.contains($0.state) }
        let wanted = troubled + others.prefix(Self.shownGroups)
        let shown = wanted.prefix(take(wanted.count))
        var table = TextTable(["GROUP": .left, "KIND": .left, "STATE": .left, "PARTITIONS": .right, "WHY": .left])
        for group in shown {
            let name = group.group == group.targetGroup ? group.group : "\(group.group) (there \(group.targetGroup))"
            table.add(
                name, "\(group.kind)", "\(group.state)", "\(group.partitions.count)",
                group.reason ?? group.notCarried ?? "")
        }
        let lines = shown.isEmpty ? [] : lines(of: table, names: ["GROUP"], leaving: [], sentences: "WHY")
        return section(isEmpty: shown.isEmpty, lines + more(groups.count - shown.count, "group"))
    }

    /// Groups that are listed although nothing is wrong with them.
    private static let shownGroups = 20

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
        guard let known = rates.knownLag else { return "unknown" }
        guard let unknown = rates.lagUnknownPartitions else {
            return "at least \(Quantities.count(known)), unknown of other instances' partitions"
        }
        return "at least \(Quantities.count(known)), unknown of \(unknown.counted("partition"))"
    }

    private static func some(_ names: [String]) -> String {
        let shown = names.prefix(10)
        let more = names.count - shown.count
        return shown.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }
}

// Lines within the width.
extension StatusText {
    private static let margin = "  "

    private func lines(
        of table: TextTable, names: [String], leaving: [String], sentences: String? = nil, indentation: Int = 2
    ) -> [String] {
        let hasColors = layout.hasColors
        let lines = table.lines(
            TextTable.Layout(
                width: layout.width.map { max(1, $0 - indentation) }, names: names, leaving: leaving,
                sentences: sentences
            ) { column, cell in hasColors && column == "STATE" ? Self.style(of: cell) : nil })
        return lines.enumerated().map { index, line in
            String(repeating: " ", count: indentation) + (index == 0 ? styled(line, .dim) : line)
        }
    }

    private mutating func list(_ entries: [String], atLeast least: Int) -> [String] {
        let shown = entries.prefix(max(least, take(entries.count)))
        return shown.flatMap { wrapped(Self.margin + $0, indentation: Self.margin + Self.margin) }
            + more(entries.count - shown.count, "reason")
    }

    /// A line for what is not shown.
    private func more(_ count: Int, _ noun: String, _ one: String = "", _ several: String = "") -> [String] {
        guard count > 0 else { return [] }
        let ending = count == 1 ? one : several
        return [Self.margin + "and \(count.counted("more \(noun)"))" + (ending.isEmpty ? "" : " \(ending)")]
    }

    /// With an empty line before it, unless it only counts.
    private func section(isEmpty: Bool, _ lines: [String]) -> [String] { isEmpty ? lines : [""] + lines }

    private func indented(_ text: String) -> [String] {
        wrapped(Self.margin + text, indentation: Self.margin + Self.margin)
    }

    private func wrapped(_ text: String, indentation: String) -> [String] {
        let text = text.printable(atMost: 8_192)
        return layout.width.map { text.wrapped(to: $0, indentation: indentation) } ?? [text]
    }

    private func styled(_ text: String, _ style: TerminalStyle) -> String {
        style.apply(to: text, isWanted: layout.hasColors)
    }

    private static func style(of condition: FlowCondition) -> TerminalStyle? {
        condition == .running ? .good : condition.isTrouble ? .bad : .warning
    }

    /// - Parameter state: of a cluster, topic, partition or group.
    private static func style(of state: String) -> TerminalStyle? {
        switch state {
        case "DOWN", "SILENT", "failed", "stuck", "waiting", "refused": .bad
        case "paused", "activeMembers", "?": .warning
        case "up", "answers", "active", "synced": .good
        default: nil
        }
    }
}
