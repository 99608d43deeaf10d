internal import KafkaClient
internal import Replication

/// The reports as a table for people.
struct OffsetTable {
    private let reports: [OffsetReport]

    init(_ reports: [OffsetReport]) {
        self.reports = reports
    }

    var text: String {
        reports.map { report in
            let name =
                report.targetGroup == report.group ? report.group : "\(report.group) (there \(report.targetGroup))"
            var lines = ["flow \(report.flow), group \(name), kind \(report.kind)"]
            if report.kind == .share {
                lines.append(
                    "of a share group start offsets are compared; what was acknowledged behind them is not told")
            }
            if let failure = report.failure { lines.append("failed: \(failure)") }
            var table = TextTable(
                "TOPIC", "PARTITION", "SOURCE", "TARGET", "COMMITTED", "SOURCE LAG", "TARGET LAG", "SAME RECORD",
                "STATE")
            for partition in report.partitions { table.add(row(partition)) }
            lines += table.lines
            lines += report.partitions.compactMap { partition in
                partition.reason.map { "\(partition.topic)-\(partition.partition): \($0)" }
            }
            return lines.joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    private func row(_ partition: OffsetReport.Partition) -> [String] {
        func number(_ value: Int64?) -> String { value.map { "\($0)" } ?? "-" }
        let state = partition.aheadBy > 0 ? "\(partition.state), \(partition.aheadBy) ahead" : partition.state.rawValue
        return [
            partition.topic, "\(partition.partition)", number(partition.sourceOffset),
            number(partition.translatedOffset), number(partition.targetOffset), number(partition.sourceLag),
            number(partition.targetLag), partition.isSameRecord.map { $0 ? "yes" : "no" } ?? "-", state,
        ]
    }
}
