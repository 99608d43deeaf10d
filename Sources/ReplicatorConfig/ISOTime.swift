internal import FoundationEssentials

/// Points in time as ISO 8601 writes them.
enum ISOTime {
    /// `latest`, `earliest`, or what may be a time, as an expression over the whole text.
    static let startPattern = "latest|earliest|[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?"

    /// Milliseconds since 1970 of `2026-01-31`, `2026-01-31T12:00:00Z`, `2026-01-31T12:00:00.250+02:00`. Nil for
    /// anything else; a time without a zone is refused, since it would mean something else on another machine.
    static func milliseconds(_ text: String) -> Int64? {
        let isDay = text.utf8.count == "2026-01-31".utf8.count
        let styles =
            isDay
            ? [Date.ISO8601FormatStyle().year().month().day()]
            : [Date.ISO8601FormatStyle(), Date.ISO8601FormatStyle(includingFractionalSeconds: true)]
        for style in styles {
            if let date = try? style.parse(text) { return Int64((date.timeIntervalSince1970 * 1_000).rounded()) }
        }
        return nil
    }
}
