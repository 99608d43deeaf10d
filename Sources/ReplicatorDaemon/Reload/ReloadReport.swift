internal import FoundationEssentials

/// Outcome of the last attempt to take over a changed configuration.
package struct ReloadReport: Sendable, Codable, Equatable {
    /// Milliseconds since 1970.
    package var time: Int64
    package var isApplied: Bool
    /// Changes that were taken over, or the reasons why none were.
    package var messages: [String]

    package init(time: Int64, isApplied: Bool, messages: [String]) {
        self.time = time
        self.isApplied = isApplied
        self.messages = messages
    }

    package var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Cannot fail: the document holds text and whole numbers.
        guard let data = try? encoder.encode(self) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }
}
