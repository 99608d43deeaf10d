internal import Observability
internal import PlainText
internal import Replication
internal import ReplicationTools

/// Document that `verify` prints, as JSON or as text.
struct VerifyDocument: Codable {
    var isEqual: Bool
    var flows: [VerificationReport]
    /// The program that has compared, and when it was done.
    var version = Replicator.version
    var time = LocalTime.now.utc

    init(flows: [VerificationReport]) {
        self.flows = flows
        isEqual = flows.allSatisfy(\.isEqual)
    }

    var text: String {
        (flows.map(Self.text) + ["compared by replicator \(version) at \(time)"]).joined(separator: "\n")
    }

    private static func text(of flow: VerificationReport) -> String {
        var lines = ["\(flow.flow): \(flow.source) -> \(flow.target)" + lookedAt(in: flow)]
        var table = TextTable([
            "TOPIC": .left, "PARTITIONS": .right, "EQUAL": .right, "MISSING": .right, "EXTRA": .right,
            "DOUBLED": .right, "ALTERED": .right, "REORDERED": .right, "NOTES": .left,
        ])
        let topics = Dictionary(grouping: flow.partitions, by: \.topic)
        for (topic, partitions) in topics.sorted(by: { $0.key < $1.key }) {
            var sum = DifferenceTally.Counts()
            for partition in partitions { sum.add(partition.differences) }
            table.add([
                topic, "\(partitions.count)", "\(partitions.reduce(0) { $0 + $1.equal })", "\(sum.missing)",
                "\(sum.extra)", "\(sum.doubled)", "\(sum.altered)", "\(sum.reordered)", notes(on: partitions),
            ])
        }
        lines += table.lines.map { "  " + $0 }
        for partition in flow.partitions {
            let name = "\(partition.topic)-\(partition.partition)"
            if let failure = partition.failure { lines.append("  \(name): not compared: \(failure)") }
            for example in partition.differences.examples { lines.append("  \(name): \(text(of: example))") }
            let more = partition.differences.total - Int64(partition.differences.examples.count)
            if more > 0, !partition.differences.examples.isEmpty { lines.append("  \(name): and \(more) more") }
        }
        for topic in flow.excluded ?? [] { lines.append("  not compared: \(topic.sentence(source: flow.source))") }
        guard !flow.isEmpty || !flow.notCompared.isEmpty else {
            return (lines + ["  nothing was compared: no topic of \(flow.source) is selected"]).joined(separator: "\n")
        }
        let left = flow.notCompared.filter(\.isLeft)
        lines += left.map { "  \($0.name): not compared: \($0.state.rawValue): \($0.reason)" }
        lines += AccountTable.excluded(flow.notCompared).map { "  " + $0 }
        let failed = flow.coverage.partitions - flow.coverage.comparedPartitions
        lines.append(
            flow.isEqual
                ? "  equal: \(flow.equal.counted("record"))"
                : "  \(flow.differences.total.counted("difference")), \(failed.counted("partition")) not compared"
                    + (left.isEmpty ? "" : ", \(left.count.counted("topic")) not compared"))
        lines.append(coverage(of: flow))
        if flow.sourceClusterID != nil || flow.targetClusterID != nil {
            lines.append(
                "  cluster ids: \(flow.source) \(flow.sourceClusterID ?? "unknown"), "
                    + "\(flow.target) \(flow.targetClusterID ?? "unknown")")
        }
        return lines.joined(separator: "\n")
    }

    /// Tells how much was compared, and why the rest was not.
    private static func coverage(of flow: VerificationReport) -> String {
        let coverage = flow.coverage
        var rest: [String] = []
        func add(_ count: Int64, _ why: String) { if count > 0 { rest.append("\(Quantities.count(count)) \(why)") } }
        add(flow.partitions.reduce(0) { $0 + $1.beyondStable }, "behind the beginning of open transactions")
        add(flow.partitions.reduce(0) { $0 + $1.beforeTarget }, "before the target's first")
        add(
            flow.partitions.filter { $0.failure != nil }.reduce(0) { $0 + $1.sourceEnd - $1.sourceStart },
            "in partitions that were not compared")
        return
            "  compared: \(Quantities.count(coverage.comparedOffsets)) of \(Quantities.count(coverage.offsets)) source "
            + "offsets, \(coverage.comparedPartitions) of \(coverage.partitions) partitions"
            + (rest.isEmpty ? "" : "; not compared: " + rest.joined(separator: ", "))
    }

    /// The part of the flow that was compared; empty where that is everything.
    private static func lookedAt(in flow: VerificationReport) -> String {
        guard let share = flow.share, let seed = flow.seed else { return flow.mode == "full" ? "" : ", \(flow.mode)" }
        let samples = flow.partitions.filter { !$0.isByKey }.compactMap(\.sample)
        let offsets = samples.reduce(0) { $0 + $1.offsets }
        let all = samples.reduce(0) { $0 + $1.of }
        let keys = flow.partitions.filter(\.isByKey).reduce(0) { $0 + ($1.sample?.offsets ?? 0) }
        var parts = ["sampled \(percent(share)) with --seed \(seed)"]
        if all > 0 {
            parts.append(
                "\(Quantities.count(offsets)) of \(Quantities.count(all)) offsets looked at "
                    + "(\(percent(Double(offsets) / Double(all))))")
        }
        if keys > 0 { parts.append("\(Quantities.count(keys)) keys") }
        return ", " + parts.joined(separator: ", ")
    }

    /// Up to two decimals: `5 %`, `0.25 %`.
    private static func percent(_ share: Double) -> String {
        let hundredths = Int64((share * 10_000).rounded())
        var decimals = "\(100 + hundredths % 100)".dropFirst()
        while decimals.hasSuffix("0") { decimals = decimals.dropLast() }
        return "\(hundredths / 100)" + (decimals.isEmpty ? "" : ".\(decimals)") + " %"
    }

    private static func notes(on partitions: [PartitionVerification]) -> String {
        var notes: [String] = []
        if partitions.contains(where: \.isByKey) { notes.append("by key") }
        let before = partitions.reduce(0) { $0 + $1.beforeTarget }
        if before > 0 { notes.append("\(before) before the target's first") }
        let expired = partitions.reduce(0) { $0 + $1.beforeSource }
        if expired > 0 { notes.append("\(expired) before the source's first") }
        let loops = partitions.reduce(0) { $0 + $1.loops }
        if loops > 0 { notes.append("\(loops) came from the target") }
        let open = partitions.reduce(0) { $0 + $1.beyondStable }
        if open > 0 { notes.append("\(open) offsets in open transactions") }
        let openThere = partitions.reduce(0) { $0 + $1.beyondStableOnTarget }
        if openThere > 0 { notes.append("\(openThere) target offsets in open transactions") }
        let foreign = partitions.reduce(0) { $0 + $1.foreign }
        if foreign > 0 { notes.append("\(foreign) only on the target, from elsewhere") }
        return notes.joined(separator: ", ")
    }

    static func text(of difference: Difference) -> String {
        var text = difference.kind.rawValue
        if !difference.parts.isEmpty {
            text += " (\(difference.parts.map(\.rawValue).joined(separator: ", ")))"
        }
        if let offset = difference.sourceOffset { text += ", source offset \(offset)" }
        if let offset = difference.targetOffset { text += ", target offset \(offset)" }
        if let key = difference.key { text += ", key \"\(key)\"" }
        return text
    }
}
