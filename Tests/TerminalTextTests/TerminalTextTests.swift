import TerminalText
import Testing

@Suite struct ShorteningTests {
    @Test(arguments: [
        ("orders", 6, "orders"), ("orders", 5, "or…rs"), ("orders", 4, "or…s"), ("orders", 1, "…"), ("", 0, ""),
    ])
    func `the middle of a long name gives way`(name: String, width: Int, short: String) {
        #expect(name.shortenedInTheMiddle(to: width) == short)
    }

    @Test func `the end of a long text gives way`() {
        #expect("disk full".shortenedAtTheEnd(to: 5) == "disk…")
        #expect("disk".shortenedAtTheEnd(to: 4) == "disk")
    }

    @Test func `text is broken at spaces, and what follows is indented`() {
        #expect("  one two three four".wrapped(to: 10, indentation: "    ") == ["  one two", "    three", "    four"])
        #expect("short".wrapped(to: 10) == ["short"])
    }

    @Test func `a word that is longer than a line is broken, and nothing of it is lost`() {
        let word = String(repeating: "abcdefghij", count: 5)

        let lines = "see \(word) there".wrapped(to: 12, indentation: "  ")

        #expect(lines.allSatisfy { $0.count <= 12 })
        #expect(lines.map { $0.drop { $0 == " " } }.joined().contains(word))
        #expect(lines.last?.hasSuffix("there") == true)
    }
}

@Suite struct ColumnFitTests {
    private typealias Column = ColumnFit.Column

    @Test func `a table that fits, or has no limit, stays as it is`() {
        let columns = [Column(width: 10, isName: true), Column(width: 8)]

        #expect(ColumnFit.widths(columns, within: 20) == [10, 8])
        #expect(ColumnFit.widths([Column(width: 300, isName: true)], within: nil) == [300])
    }

    @Test func `the widest names are shortened first`() {
        let columns = [Column(width: 40, isName: true), Column(width: 30, isName: true), Column(width: 10)]

        #expect(ColumnFit.widths(columns, within: 80) == [36, 30, 10])
        #expect(ColumnFit.widths(columns, within: 64) == [25, 25, 10])
    }

    @Test func `columns leave in order before names are cut beyond recognition`() {
        let columns = [
            Column(width: 60, isName: true), Column(width: 60, isName: true, leavesAs: 0),
            Column(width: 20, leavesAs: 1), Column(width: 10),
        ]

        #expect(ColumnFit.widths(columns, within: 80) == [46, nil, 20, 10])
        #expect(ColumnFit.widths(columns, within: 40) == [28, nil, nil, 10])
        #expect(ColumnFit.widths(columns, within: 20) == [8, nil, nil, 10])
    }

    @Test(arguments: 0..<2_000) func `whatever fits at all is within the width`(seed: Int) {
        var random = Seeded(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1)
        let columns = (0..<Int.random(in: 1...8, using: &random)).map { index in
            Column(
                width: .random(in: 1...60, using: &random), isName: .random(using: &random),
                leavesAs: .random(using: &random) ? index : nil)
        }
        let total = Int.random(in: 1...200, using: &random)

        let widths = ColumnFit.widths(columns, within: total)

        let sum = widths.compactMap(\.self).reduce(0) { $0 + $1 + ColumnFit.gap } - ColumnFit.gap
        let staying = columns.filter { $0.leavesAs == nil }
        let least =
            staying.reduce(0) { $0 + ($1.isName ? min(6, $1.width) : $1.width) + ColumnFit.gap } - ColumnFit.gap
        #expect(sum <= max(total, least))
        for (column, width) in zip(columns, widths) {
            #expect(width.map { $0 <= column.width } ?? (column.leavesAs != nil))
            if !column.isName, let width { #expect(width == column.width) }
        }
    }
}

private struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

@Suite struct TerminalStyleTests {
    @Test func `only a terminal that wants them gets colours`() {
        func abilities(_ isTerminal: Bool, _ environment: [String: String]) -> TerminalAbilities {
            TerminalAbilities(isTerminal: isTerminal, environment: environment)
        }

        #expect(abilities(true, ["TERM": "xterm"]).hasColors)
        #expect(abilities(true, ["NO_COLOR": ""]).hasColors)
        #expect(!abilities(true, ["NO_COLOR": "1"]).hasColors)
        #expect(abilities(true, ["NO_COLOR": "1"]).movesCursor)
        #expect(!abilities(true, ["TERM": "dumb"]).hasColors)
        #expect(!abilities(true, ["TERM": "dumb"]).movesCursor)
        #expect(!abilities(false, ["TERM": "xterm"]).hasColors)
        #expect(!abilities(false, ["TERM": "xterm"]).movesCursor)
    }

    @Test func `a style is switched off behind its text`() {
        #expect(TerminalStyle.bad.apply(to: "DOWN", isWanted: true) == "\u{1B}[31mDOWN\u{1B}[0m")
        #expect(TerminalStyle.bad.apply(to: "DOWN", isWanted: false) == "DOWN")
    }
}

@Suite struct ScreenRedrawTests {
    /// A heading and a list, shortened.
    private func render(_ count: Int) -> [String] {
        ["heading"] + (0..<30).prefix(count).map { "\($0)" } + (count < 30 ? ["and \(30 - count) more"] : [])
    }

    @Test(arguments: [(100, 31), (31, 31), (30, 30), (12, 12), (2, 2)])
    func `as many entries are shown as the height allows`(height: Int, lines: Int) {
        let fitting = ScreenRedraw.fitting(height, largest: 30, render: render)

        #expect(fitting.count == lines)
        #expect(fitting.first == "heading")
        if height < 31 { #expect(fitting.last?.hasPrefix("and ") == true) }
    }

    @Test func `where nothing fits the top is shown, and how much is not`() {
        let fitting = ScreenRedraw.fitting(3, largest: 9) { _ in (0..<10).map { "\($0)" } }

        #expect(fitting == ["0", "1", "and 8 more lines; a higher terminal shows them"])
        #expect(ScreenRedraw.fitting(0, largest: 9) { _ in ["a"] } == [])
    }

    @Test func `a redraw begins at the top, and clears what is left of each line and below`() {
        #expect(ScreenRedraw.text(["a", "b"]) == "\u{1B}[Ha\u{1B}[K\r\nb\u{1B}[K\u{1B}[J")
    }
}

@Suite struct ProgressTextTests {
    private let progress = ProgressText(
        title: "copying", share: 0.515,
        details: ["12 345 of 24 000 records", "310 MB/s", "3 000 behind", "topic orders", "2 min left"])

    @Test func `a wide terminal gets all of it, with a bar`() {
        #expect(
            progress.line(within: 140)
                == "copying  [############············] 51 %  12 345 of 24 000 records, 310 MB/s, 3 000 behind, "
                + "topic orders, 2 min left")
    }

    @Test(arguments: 1...200) func `it never fills the line`(width: Int) {
        #expect(progress.line(within: width).count < width)
        #expect(ProgressText(title: "rolling", details: progress.details).line(within: width).count < width)
    }

    @Test func `a narrow terminal gets what matters most`() {
        #expect(progress.line(within: 60).hasPrefix("copying  ["))
        #expect(progress.line(within: 60).contains("12 345 of 24 000 records"))
        #expect(progress.line(within: 20) == "copying  51 %")
    }

    @Test func `a file gets a sentence`() {
        #expect(
            progress.line(within: nil)
                == "copying: 51 %, 12 345 of 24 000 records, 310 MB/s, 3 000 behind, topic orders, 2 min left")
        #expect(ProgressText(title: "rolling", details: ["5 s"]).line(within: nil) == "rolling: 5 s")
    }
}

@Suite struct ProgressPaceTests {
    private let start = ContinuousClock.now

    @Test func `a bar is drawn a few times a second, from the second second on`() {
        var pace = ProgressPace(start: start, isTerminal: true)

        let due = [1_000, 1_001, 1_200, 1_201].map { pace.isDue(at: start + .milliseconds($0)) }

        #expect(due == [false, true, false, true])
    }

    @Test func `a file gets a line each ten seconds`() {
        var pace = ProgressPace(start: start, isTerminal: false)

        let due = [9_999, 10_000, 19_999, 20_000].map { pace.isDue(at: start + .milliseconds($0)) }

        #expect(due == [false, true, false, true])
    }
}
