/// Widths of a table's columns within a terminal: names are shortened as far as they can still be told apart, then
/// columns are left out, then names are shortened further.
package enum ColumnFit {
    /// One column, as wide as its widest cell.
    package struct Column: Sendable, Hashable {
        package var width: Int
        /// Names give way, numbers do not.
        package var isName: Bool
        /// Place among the columns that may be left out, the first to go being 0; nil for one that stays.
        package var leavesAs: Int?

        package init(width: Int, isName: Bool = false, leavesAs: Int? = nil) {
            self.width = width
            self.isName = isName
            self.leavesAs = leavesAs
        }
    }

    /// Between two columns.
    package static let gap = 2
    /// Width to which names are shortened before a column is left out, and the one below which they are not shortened.
    private static let comfortable = 24
    private static let least = 6

    /// - Parameter total: nil for as wide as it takes.
    /// - Returns: the width of each column; nil for one that is left out.
    package static func widths(_ columns: [Column], within total: Int?) -> [Int?] {
        guard let total else { return columns.map(\.width) }
        var kept = Array(columns.indices)
        let leaving = columns.indices.filter { columns[$0].leavesAs != nil }
            .sorted { (columns[$0].leavesAs ?? 0) < (columns[$1].leavesAs ?? 0) }
        for left in [nil] + leaving.map(Optional.some) {
            kept.removeAll { $0 == left }
            if let widths = shortened(kept.map { columns[$0] }, within: total, noLessThan: comfortable) {
                return spread(widths, kept, columns.count)
            }
        }
        let left = kept.map { columns[$0] }
        let widths = shortened(left, within: total, noLessThan: least)
        return spread(widths ?? left.map { $0.isName ? min(least, $0.width) : $0.width }, kept, columns.count)
    }

    /// Shortens the widest names first.
    private static func shortened(_ columns: [Column], within total: Int, noLessThan least: Int) -> [Int]? {
        var widths = columns.map(\.width)
        var excess = widths.reduce(0, +) + gap * max(0, widths.count - 1) - total
        while excess > 0 {
            let names = columns.indices.filter { columns[$0].isName && widths[$0] > least }
            guard let widest = names.map({ widths[$0] }).max() else { return nil }
            let group = names.filter { widths[$0] == widest }
            // All of them down to the next widest, or as far as it takes.
            let next = names.map { widths[$0] }.filter { $0 < widest }.max() ?? least
            let step = min(excess, (widest - max(next, least)) * group.count)
            for (place, column) in group.enumerated() {
                widths[column] -= step / group.count + (place < step % group.count ? 1 : 0)
            }
            excess -= step
        }
        return widths
    }

    private static func spread(_ widths: [Int], _ kept: [Int], _ count: Int) -> [Int?] {
        var all = [Int?](repeating: nil, count: count)
        for (index, width) in zip(kept, widths) { all[index] = width }
        return all
    }
}
