package import BoundedExpressions

/// A regular expression over whole names, checked when the configuration is read.
public struct NamePattern: Hashable, Sendable, CustomStringConvertible {
    package let expression: BoundedExpression

    public var text: String { expression.text }

    /// - Throws: ``InvalidPattern`` with the reason, when the text is not a regular expression.
    public init(_ text: String) throws(InvalidPattern) {
        do throws(InvalidExpression) {
            expression = try BoundedExpression(text)
        } catch {
            throw InvalidPattern(text: text, reason: error.reason)
        }
    }

    public var description: String { text }

    /// The text, where it is a name itself: a dot stands for itself then, as people mean it.
    package var literalName: String? {
        let isName = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isName && !text.isEmpty ? text : nil
    }

    /// Not where it comes to no answer.
    func matches(_ name: String) -> Bool { (try? expression.matches(name)) == true }
}

public struct InvalidPattern: Error, Hashable, CustomStringConvertible {
    public let text: String
    public let reason: String

    public var description: String { "\"\(text)\" is not a regular expression: \(reason)" }
}

/// Selection of names: one allow pattern matches, and no deny pattern does.
public struct NameSelection: Hashable, Sendable {
    public var allow: [NamePattern]
    public var deny: [NamePattern]

    public init(allow: [NamePattern], deny: [NamePattern]) {
        self.allow = allow
        self.deny = deny
    }

    /// - Throws: ``UndecidedMatch`` when the answer hangs on an expression that came to none.
    package func selects(_ name: String) throws(UndecidedMatch) -> Bool {
        let isAllowed = Self.match(name, allow)
        guard isAllowed != .success(false) else { return false }
        let isDenied = Self.match(name, deny)
        guard isDenied != .success(true) else { return false }
        let isWanted = try isAllowed.get()
        return try isWanted ? !isDenied.get() : false
    }

    /// Tells whether an allow expression matches, whatever the deny expressions say.
    package func allows(_ name: String) throws(UndecidedMatch) -> Bool { try Self.match(name, allow).get() }

    /// The first allow expression that matches; nil when none does.
    package func allowing(_ name: String) throws(UndecidedMatch) -> NamePattern? {
        for pattern in allow where try pattern.expression.matches(name) { return pattern }
        return nil
    }

    /// The first deny expression that matches; nil when none does.
    package func denial(of name: String) throws(UndecidedMatch) -> NamePattern? {
        for pattern in deny where try pattern.expression.matches(name) { return pattern }
        return nil
    }

    /// One expression that matches is enough, whatever becomes of the others.
    private static func match(_ name: String, _ patterns: [NamePattern]) -> Result<Bool, UndecidedMatch> {
        var undecided: UndecidedMatch?
        for pattern in patterns {
            do throws(UndecidedMatch) {
                if try pattern.expression.matches(name) { return .success(true) }
            } catch {
                undecided = error
            }
        }
        return undecided.map { .failure($0) } ?? .success(false)
    }
}
