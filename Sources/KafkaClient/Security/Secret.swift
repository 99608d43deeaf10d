internal import ForeignErrors
internal import FoundationEssentials

/// A password or key that never shows itself: not in logs, errors, dumps or interpolations.
///
/// It may be in a file. The file is read each time that the secret is needed, so a password that is changed there
/// is used from the next authentication on.
public struct Secret: Sendable, Hashable {
    /// A piece of a secret.
    public enum Part: Sendable, Hashable {
        case text(String)
        /// The contents of a file, without line breaks at the end.
        case file(String)
    }

    /// A file that holds a secret cannot be read; says which and why, never what is in it.
    public struct Unavailable: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
    }

    private let parts: [Part]

    public init(_ value: String) {
        parts = [.text(value)]
    }

    public init(_ parts: [Part]) {
        self.parts = parts
    }

    /// The contents of a file.
    public init(file: String) {
        parts = [.file(file)]
    }

    /// The secret itself as it is now, for the one place that sends or derives from it.
    public func reveal() throws(Unavailable) -> String {
        var value = ""
        for part in parts {
            switch part {
            case .text(let text): value += text
            case .file(let path): value += try Self.read(path)
            }
        }
        return value
    }

    private static func read(_ path: String) throws(Unavailable) -> String {
        do {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            return String(text.reversed().drop { $0.isNewline }.reversed())
        } catch {
            let why = ForeignError.words(error)
            throw Unavailable(description: "the file \"\(path)\" that holds a secret cannot be read: \(why)")
        }
    }
}

extension Secret.Part: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "•••" }
    public var debugDescription: String { "•••" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "•••" }
    public var debugDescription: String { "•••" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
