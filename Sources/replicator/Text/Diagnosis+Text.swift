internal import PlainText
internal import ReplicationTools

extension Diagnosis {
    /// The findings for people, the worst first.
    var text: String {
        var lines = ["\(flow): \(source) → \(target)"]
        for severity in Finding.Severity.allCases.reversed() {
            for finding in findings where finding.severity == severity {
                lines.append("  \(mark(severity)) \(finding.check)  \(finding.subject): \(finding.what)")
                if !finding.why.isEmpty { lines.append("      why it matters: \(finding.why)") }
                if !finding.remedy.isEmpty { lines.append("      what to do: \(finding.remedy)") }
            }
        }
        let count = { (severity: Finding.Severity) in findings.filter { $0.severity == severity }.count }
        lines.append(
            "  \(count(.error).counted("error")), \(count(.warning).counted("warning")), \(count(.ok)) in order")
        return lines.joined(separator: "\n")
    }

    private func mark(_ severity: Finding.Severity) -> String {
        switch severity {
        case .ok: "ok     "
        case .warning: "WARNING"
        case .error: "ERROR  "
        }
    }
}
