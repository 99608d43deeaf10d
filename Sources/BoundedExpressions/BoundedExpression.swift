internal import CPCRE2

/// A regular expression over whole texts whose matching always comes to an end soon.
///
/// It is written as Java's are, see ``JavaSyntax``; `.` stands for every character, line breaks included. Matching is
/// PCRE2's: by compiled code that goes back over its steps and is stopped after ``Limits``, then by its algorithm
/// that reads a text once, without going back. The second knows neither references to groups nor possessive
/// quantifiers; an expression with those may remain without an answer, which is an ``UndecidedMatch``.
public struct BoundedExpression: Sendable {
    public let text: String
    private let compiled: CompiledExpression

    /// - Throws: ``InvalidExpression`` with the reason, when the text is not a regular expression.
    public init(_ text: String) throws(InvalidExpression) {
        let translated: JavaSyntax
        do throws(InvalidExpression.Reason) {
            translated = try JavaSyntax(text)
            compiled = try CompiledExpression(translated.pattern, canReadOnce: translated.canReadOnce)
        } catch {
            throw InvalidExpression(text: text, reason: error.text)
        }
        self.text = text
    }

    /// Returns true if the expression matches the text from its beginning to its end.
    ///
    /// - Throws: ``UndecidedMatch`` when it is not known within the bound.
    public func matches(_ subject: String) throws(UndecidedMatch) -> Bool {
        try compiled.match(subject, as: self) { _ in true } ?? false
    }

    /// Contents of the expression's groups, the whole text first; an empty text for a group that took no part. Nil when
    /// the expression does not match the whole text.
    ///
    /// - Throws: ``UndecidedMatch`` when it is not known within the bound.
    public func groups(in subject: String) throws(UndecidedMatch) -> [String]? {
        try compiled.match(subject, as: self, needsGroups: true) { ranges in
            ranges.map { $0.isEmpty ? "" : String(decoding: Array(subject.utf8)[$0], as: UTF8.self) }
        }
    }
}

extension BoundedExpression: Hashable {
    /// Equality byte by byte: texts that only look the same match different names.
    public static func == (left: BoundedExpression, right: BoundedExpression) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}

/// A text that is not a regular expression, and why.
public struct InvalidExpression: Error, Hashable {
    public let text: String
    public let reason: String

    struct Reason: Error {
        let text: String
    }
}

/// A text of which it is not known whether an expression matches it.
public struct UndecidedMatch: Error, Hashable, CustomStringConvertible {
    public let expression: String
    public let subject: String
    public let reason: String

    public var description: String {
        "the expression \"\(expression)\" came to no answer about \"\(subject)\": \(reason)"
    }
}
