internal import ReplicationTools

/// Accounts as a table for people.
struct AccountTable {
    private let accounts: [Account]

    init(_ accounts: [Account]) {
        self.accounts = accounts
    }

    /// Accounts that are listed one by one.
    private static let shown = 200

    var lines: [String] {
        var table = TextTable(["WHAT": .left, "STATE": .left, "RECORDS": .right, "WHY": .left])
        for account in accounts.prefix(Self.shown) {
            table.add([
                account.name, account.state.rawValue, account.records.map { "\($0)" } ?? "-", account.reason,
            ])
        }
        let more = accounts.count - Self.shown
        return table.lines + (more > 0 ? ["and \(more) more, which --json lists"] : [])
    }

    /// A line for each rule that keeps topics out although an allow expression names them.
    static func excluded(_ accounts: [Account]) -> [String] {
        let rules = Dictionary(grouping: accounts.filter { $0.state == .excluded }, by: \.reason)
        return rules.sorted { $0.key < $1.key }.map { rule, topics in
            let names = topics.prefix(5).map(\.topic).joined(separator: ", ")
            return "Not selected: \(names)\(topics.count > 5 ? " and \(topics.count - 5) more" : "") (\(rule))."
        }
    }
}
