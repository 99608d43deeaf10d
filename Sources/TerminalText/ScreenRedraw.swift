/// Text that is shown again and again in the same place of a terminal.
package enum ScreenRedraw {
    /// The text that writes the lines over those that are there, from the top, without a flicker.
    ///
    /// - Parameter lines: not wider than the terminal, and at most as many as it has.
    package static func text(_ lines: [String]) -> String {
        "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J"
    }

    /// The longest form of a text that fits the height, the shortest one cut off where even that does not.
    ///
    /// - Parameters:
    ///   - largest: what lists may hold at most.
    ///   - render: the lines, given how many entries of each list are shown.
    package static func fitting(_ height: Int, largest: Int, render: (Int) -> [String]) -> [String] {
        var low = 0
        var high = max(0, largest)
        var best = render(high)
        guard best.count > height else { return best }
        best = render(low)
        guard best.count <= height else {
            let shown = best.prefix(max(0, height - 1))
            guard height > 0 else { return [] }
            return shown + ["and \(best.count - shown.count) more lines; a higher terminal shows them"]
        }
        // Fits at low, does not at high.
        while high - low > 1 {
            let middle = (low + high) / 2
            let lines = render(middle)
            if lines.count <= height {
                low = middle
                best = lines
            } else {
                high = middle
            }
        }
        return best
    }
}
