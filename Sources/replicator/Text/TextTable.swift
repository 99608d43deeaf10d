internal import PlainText
internal import TerminalText

/// Columns that line up, for a terminal or a file.
struct TextTable: Sendable {
    enum Alignment: Sendable {
        case left
        case right
    }

    /// The way in which a table gets along with a terminal. Columns are named by their headers.
    struct Layout: Sendable {
        /// Nil for as wide as it takes.
        var width: Int?
        /// Columns whose texts may be shortened in the middle.
        var names: [String] = []
        /// Columns that may be left out, the first to go first.
        var leaving: [String] = []
        /// A column of sentences, which go below their row where they do not fit beside it.
        var sentences: String?
        /// Style of a cell, given its column and text; nil for none.
        var style: (@Sendable (_ column: String, _ cell: String) -> TerminalStyle?)?
    }

    private let alignments: [Alignment]
    private var rows: [[String]]

    init(_ columns: KeyValuePairs<String, Alignment>) {
        alignments = columns.map(\.value)
        rows = [columns.map(\.key)]
    }

    /// All columns to the left.
    init(_ header: String...) {
        alignments = header.map { _ in .left }
        rows = [header]
    }

    /// - Parameter cells: one for each column.
    mutating func add(_ cells: [String]) {
        rows.append(cells.map { $0.printable() })
    }

    mutating func add(_ cells: String...) { add(cells) }

    /// One line per row, the header first, without spaces at its end.
    var lines: [String] { lines(Layout()) }

    /// The header first, without spaces at the end of lines.
    func lines(_ layout: Layout) -> [String] {
        let header = rows[0]
        let natural = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var below: Int?
        if let width = layout.width, let sentences = layout.sentences.flatMap(header.firstIndex(of:)),
            natural.reduce(0, +) + ColumnFit.gap * (natural.count - 1) > width
        {
            below = sentences
        }
        let beside = header.indices.filter { $0 != below }
        let columns = beside.map { column in
            ColumnFit.Column(
                width: natural[column], isName: layout.names.contains(header[column]),
                leavesAs: layout.leaving.firstIndex(of: header[column]))
        }
        var widths: [(column: Int, width: Int)] = []
        for (column, width) in zip(beside, ColumnFit.widths(columns, within: layout.width)) {
            if let width { widths.append((column, width)) }
        }
        var lines = [line(header, widths, header, nil)]
        for row in rows.dropFirst() {
            lines.append(line(row, widths, header, layout.style))
            guard let below, !row[below].isEmpty, let width = layout.width else { continue }
            lines += (Self.margin + row[below]).wrapped(to: width, indentation: Self.margin)
        }
        return lines
    }

    /// Before sentences below their row.
    private static let margin = "    "

    private func line(
        _ row: [String], _ widths: [(column: Int, width: Int)], _ header: [String],
        _ style: ((String, String) -> TerminalStyle?)?
    ) -> String {
        var line = ""
        // Spaces are written before the next cell, so that there are none at the end.
        var owed = 0
        for (column, width) in widths {
            let cell = row[column].shortenedInTheMiddle(to: width)
            let space = width - cell.count
            if alignments[column] == .right { owed += space }
            if !cell.isEmpty {
                line +=
                    String(repeating: " ", count: owed)
                    + (style?(header[column], row[column])?.apply(to: cell, isWanted: true) ?? cell)
                owed = 0
            }
            if alignments[column] == .left { owed += space }
            owed += ColumnFit.gap
        }
        return line
    }
}
