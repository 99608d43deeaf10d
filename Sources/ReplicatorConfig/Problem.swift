internal import PlainText

/// One thing wrong with a configuration file, and where.
public struct Problem: Hashable, Sendable, CustomStringConvertible {
    public var file: String
    /// One-based; zero when the problem is about the file as a whole.
    public var line: Int
    public var column: Int
    /// The place in the document: `flows[0].naming.mode`. Empty for the document itself.
    public var path: String
    /// The mistake, and how to mend it.
    public var message: String

    public var description: String {
        let place = line > 0 ? "\(file):\(line):\(column)" : file
        let text = path.isEmpty ? "\(place): \(message)" : "\(place): \(path): \(message)"
        return text.printable(atMost: 4_096)
    }
}

/// Everything that is wrong with a configuration file.
public struct InvalidConfiguration: Error, Hashable, Sendable, CustomStringConvertible {
    public var problems: [Problem]

    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
