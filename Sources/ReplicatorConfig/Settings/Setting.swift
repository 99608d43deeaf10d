/// A setting that the reading of a configuration has asked for: where it belongs, what it may be, and what it is.
struct Setting: Hashable, Sendable {
    var path: SettingPath
    var kind: SettingKind
    /// Nil where the file does not set it.
    var written: Written?
    /// The value without one in the file, in the words of the file; nil for none.
    var standard: SettingValue?

    /// A value in the file.
    struct Written: Hashable, Sendable {
        /// Counted from one.
        var line: Int
        var column: Int
        /// With references replaced; nil where it is secret or not one of the kind.
        var value: SettingValue?
        /// The text as it is written; nil for a list.
        var raw: String?
        /// `${env:NAME}` and `${file:PATH}` as they are written, in their order.
        var references: [String] = []

        /// True if it is a reference and nothing else.
        var isOneReference: Bool { references.count == 1 && references.first == raw }
    }
}

/// A value as a configuration file has it.
enum SettingValue: Hashable, Sendable {
    case text(String)
    /// A number or truth value, which needs no quotes.
    case plain(String)
    case list([String])
}

/// Keys and places in lists, from the document's root on.
struct SettingPath: Hashable, Sendable, CustomStringConvertible {
    enum Step: Hashable, Sendable {
        case key(String)
        case element(Int)
    }

    var steps: [Step] = []

    func key(_ name: String) -> SettingPath { SettingPath(steps: steps + [.key(name)]) }

    func element(_ index: Int) -> SettingPath { SettingPath(steps: steps + [.element(index)]) }

    /// Form in problems: `flows[0].naming.mode`.
    var description: String {
        steps.reduce(into: "") { text, step in
            switch step {
            case .key(let name): text += text.isEmpty ? name : ".\(name)"
            case .element(let index): text += "[\(index)]"
            }
        }
    }
}

/// The values that a setting may have.
enum SettingKind: Hashable, Sendable {
    /// - Parameter pattern: an expression over the whole text; nil for any.
    case text(pattern: String?)
    case secret
    case truth
    case integer(ClosedRange<Int>)
    case bytes(ClosedRange<Int>)
    case duration(ClosedRange<Duration>)
    case choice([String])
    case texts
    /// Keys of its own.
    case section
    /// Elements with keys of their own.
    case sections
    /// Names that the file chooses, each with a section.
    case namedSections
    /// Names that the file chooses, each with a text.
    case namedTexts
    /// Names that the file chooses, each with a secret.
    case namedSecrets
}
