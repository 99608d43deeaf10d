internal import ReplicationTools

/// Text that `drill` prints for people.
enum DrillText {
    /// `   4.02 s  east is dead`
    static func line(_ event: DrillReport.Event) -> String {
        let time = fixed(event.seconds)
        return String(repeating: " ", count: max(0, 7 - time.count)) + "\(time) s  \(event.text)"
    }

    static func table(_ report: DrillReport) -> String {
        let rows = [
            ("records produced", "\(report.produced)"),
            ("RPO, records", "\(report.rpoRecords)"),
            ("RPO, seconds", fixed(report.rpoSeconds)),
            ("RTO of consumers, seconds", fixed(report.rtoConsumersSeconds)),
            ("RTO of producers, seconds", fixed(report.rtoProducersSeconds)),
            ("recovery after the cut, seconds", fixed(report.recoverySeconds)),
            ("gap of \(report.gapPartitions) partitions, median seconds", fixed(report.gapMedianSeconds)),
            ("gap, longest seconds", fixed(report.gapLongestSeconds)),
            ("doubled in a log", "\(report.doubled)"),
            ("lost for good", "\(report.lost)"),
            ("read again after a commit", "\(report.rereadAfterCommit)"),
            ("read twice in all", "\(report.readTwice)"),
            ("missed by consumers", "\(report.missedByConsumers)"),
        ]
        let width = rows.map(\.0.count).max() ?? 0
        let numbers = rows.map(\.1.count).max() ?? 0
        let lines = rows.map { name, value in
            "  " + name + String(repeating: " ", count: width - name.count + 2 + numbers - value.count) + value
        }
        let verdict = report.isGood ? "went as it should" : "did NOT go as it should"
        return (["", "drill \(report.scenario.rawValue): \(verdict)"] + lines).joined(separator: "\n")
    }

    private static func fixed(_ value: Double) -> String {
        let hundredths = Int64((value * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
