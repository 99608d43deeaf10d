/// A regular expression over whole names, checked when the configuration is read.
public struct NamePattern: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    /// - Throws: ``InvalidPattern`` with the reason, when the text is not a regular expression.
    public init(_ text: String) throws(InvalidPattern) {
        do {
            _ = try Regex(text)
        } catch {
            throw InvalidPattern(text: text, reason: "\(error)")
        }
        self.text = text
    }

    public var description: String { text }
}

public struct InvalidPattern: Error, Hashable, CustomStringConvertible {
    public let text: String
    public let reason: String

    public var description: String { "\"\(text)\" is not a regular expression: \(reason)" }
}

/// Which names are wanted: one allow pattern matches, and no deny pattern does.
public struct NameSelection: Hashable, Sendable {
    public var allow: [NamePattern]
    public var deny: [NamePattern]

    public init(allow: [NamePattern], deny: [NamePattern]) {
        self.allow = allow
        self.deny = deny
    }
}

/// Compiled form of a ``NameSelection``. Compiled expressions are not `Sendable`: each user compiles its own.
struct NameMatcher {
    private let allow: [Regex<AnyRegexOutput>]
    private let deny: [Regex<AnyRegexOutput>]

    init(_ selection: NameSelection) {
        // Cannot fail: a NamePattern exists only for text that compiles.
        allow = selection.allow.compactMap { try? Regex($0.text) }
        deny = selection.deny.compactMap { try? Regex($0.text) }
    }

    func selects(_ name: String) -> Bool {
        allow.contains { name.wholeMatch(of: $0) != nil } && !deny.contains { name.wholeMatch(of: $0) != nil }
    }
}
