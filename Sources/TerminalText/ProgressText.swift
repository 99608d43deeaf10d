/// Progress, in one line of a terminal.
///
/// ```
/// verify  [##########··········]  51 %  1.2 M of 2.4 M records, 310 MB/s, 3 s left
/// ```
package struct ProgressText: Sendable, Hashable {
    package var title: String
    /// Between 0 and 1; nil for work without an end.
    package var share: Double?
    /// The most important first; those that do not fit are left out from the end.
    package var details: [String]

    package init(title: String, share: Double? = nil, details: [String]) {
        self.title = title
        self.share = share.map { min(1, max(0, $0)) }
        self.details = details
    }

    private static let widestBar = 24
    private static let narrowestBar = 6

    /// - Parameter width: the line is shorter than that, since a full line moves the cursor to the next one; nil for as
    ///   long as it takes, without a bar, for what is no terminal.
    package func line(within width: Int?) -> String {
        let percent = share.map { "\(Int($0 * 100)) %" }
        guard let width else {
            return "\(title): " + ([percent].compactMap(\.self) + details).joined(separator: ", ")
        }
        let room = max(0, width - 1)
        for count in stride(from: details.count, through: min(1, details.count), by: -1) {
            let text = details.prefix(count).joined(separator: ", ")
            guard let share, let percent else {
                let line = "\(title)  \(text)"
                if line.count <= room { return line }
                continue
            }
            let rest = "\(title)  \(percent)  \(text)".count
            // The bar and what surrounds it.
            let bar = min(Self.widestBar, room - rest - 3)
            if bar >= Self.narrowestBar { return "\(title)  \(Self.bar(share, bar)) \(percent)  \(text)" }
            if rest <= room { return "\(title)  \(percent)  \(text)" }
        }
        return [title, percent ?? details.first].compactMap(\.self).joined(separator: "  ").shortenedAtTheEnd(to: room)
    }

    private static func bar(_ share: Double, _ width: Int) -> String {
        let filled = Int(share * Double(width))
        return "[" + String(repeating: "#", count: filled) + String(repeating: "·", count: width - filled) + "]"
    }
}
