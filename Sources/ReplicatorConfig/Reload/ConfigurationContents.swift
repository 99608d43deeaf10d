/// The contents of a configuration file and of the files that it refers to, at one moment. They are compared, not kept:
/// some hold secrets.
public struct ConfigurationContents: Hashable, Sendable {
    private let file: String
    /// By path, a digest of the content, or of the reason why there is none.
    private var digests: [String: Int] = [:]

    /// Reads the file and what its text refers to, also where it is no valid configuration.
    public init(of file: String) {
        self.file = file
        guard let text = add(file) else { return }
        add(Self.references(in: text).sorted())
    }

    /// Reads files that settings name, but for those that have been read.
    public mutating func add(_ paths: [String]) {
        for path in paths { add(path) }
    }

    /// - Returns: the text, where it is one, and was not read before.
    @discardableResult
    private mutating func add(_ path: String) -> String? {
        guard digests[path] == nil else { return nil }
        do throws(UnreadableFile) {
            // Reading a pipe takes its contents away from its other readers.
            guard TextFile.isRegular(path) else { throw UnreadableFile("it is no regular file") }
            let text = try TextFile.read(path)
            digests[path] = Self.digest(text)
            return text
        } catch {
            digests[path] = Self.digest(error.description)
            return nil
        }
    }

    /// Paths of the files, beside the configuration's own, whose contents are others than before.
    public func changes(since old: ConfigurationContents) -> [String] {
        digests.filter { path, digest in path != file && old.digests[path].map { $0 != digest } ?? false }.keys.sorted()
    }

    /// Equal for equal texts within one process.
    private static func digest(_ text: String) -> Int {
        var hasher = Hasher()
        hasher.combine(text)
        return hasher.finalize()
    }

    /// Paths in every `${file:PATH}`, as far as a text that may be half a file tells.
    private static func references(in text: String) -> Set<String> {
        let start = "${file:"
        var paths: Set<String> = []
        var rest = text[...]
        while let reference = rest.firstRange(of: start) {
            rest = rest[reference.upperBound...]
            guard let end = rest.firstIndex(of: "}") else { break }
            let path = rest[..<end]
            // Not one that a person has begun and not closed.
            if !path.isEmpty, !path.contains(where: \.isNewline) { paths.insert(String(path)) }
        }
        return paths
    }
}
