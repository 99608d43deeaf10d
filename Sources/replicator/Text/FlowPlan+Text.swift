internal import PlainText
package import ReplicationTools

extension FlowPlan {
    /// The plan for people: what would be done, what would be left alone and why.
    package var text: String {
        var title = "\(flow): \(source) → \(target), \(selectedTopics) of \(sourceTopics.counted("topic"))"
        if let groups, !groups.isEmpty { title += ", \(groups.count.counted("consumer group"))" }
        var lines = [title]
        if changes.isEmpty {
            lines.append("  nothing to do")
        } else {
            var table = TextTable("", "what", "subject", "now", applied ? "made" : "then")
            for change in changes {
                table.add(
                    mark(change), change.kind, change.subject, change.from ?? "-",
                    change.error.map { "FAILED: \($0)" } ?? change.to ?? "-")
            }
            lines += table.lines.map { "  " + $0 }
        }
        if !notes.isEmpty {
            lines.append("  left alone:")
            lines += notes.map { "  ! \($0.message)" }
        }
        lines += userLines
        return lines.joined(separator: "\n")
    }

    private func mark(_ change: Change) -> String {
        switch change.change {
        case "create": "+"
        case "remove": "-"
        default: "~"
        }
    }

    private var userLines: [String] {
        guard let users, !users.isEmpty else { return [] }
        var table = TextTable("user", "credentials on \(source)", "on \(target)")
        for user in users {
            table.add(
                user.name, user.mechanisms.joined(separator: ", "),
                user.isOnTarget.map { $0 ? "there" : "missing" } ?? "not told")
        }
        return [
            "  SCRAM users (names only: the protocol never hands out secrets, so create them on \(target) yourself):"
        ]
            + table.lines.map { "    " + $0 }
    }
}
