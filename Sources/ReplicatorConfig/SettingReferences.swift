internal import FoundationEssentials

/// Replaces `${env:NAME}` and `${file:PATH}` in settings of the command line, which every process of the machine can
/// read: there secrets stand for themselves nowhere. `$${` is `${` itself.
public struct SettingReferences {
    /// The reason why a reference cannot be replaced, without the setting's own text, which may hold a secret.
    public struct Invalid: Error, Hashable, CustomStringConvertible {
        public let description: String
    }

    private let environment: [String: String]
    private let readFile: (String) throws -> String

    /// The process's own environment and files.
    public init() {
        self.init(environment: ProcessInfo.processInfo.environment) { try String(contentsOfFile: $0, encoding: .utf8) }
    }

    package init(environment: [String: String], readFile: @escaping (String) throws -> String) {
        self.environment = environment
        self.readFile = readFile
    }

    /// The text with every reference replaced; of a file the line breaks at its end are left out.
    public func expand(_ text: String) throws(Invalid) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            result += rest[..<start.lowerBound]
            if result.last == "$" {
                // Written twice, it is one that stands for itself.
                result += "{"
                rest = rest[start.upperBound...]
                continue
            }
            guard let end = NestedReference.end(in: rest[start.upperBound...]) else { throw Self.noReference }
            result += try value(of: rest[start.upperBound..<end])
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private static let noReference = Invalid(
        description: "\"${\" begins neither ${env:NAME} nor ${file:/path}; write $${ for these characters themselves")

    private func value(of reference: Substring) throws(Invalid) -> String {
        let parts = reference.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else { throw Self.noReference }
        let name = String(parts[1])
        switch parts[0] {
        case "env":
            guard let value = environment[name] else {
                throw Invalid(description: "the environment variable \(name) is not set")
            }
            return value
        case "file":
            let path: String
            do { path = try NestedReference.path(name, environment) } catch {
                throw Invalid(description: "the environment variable \(error.name) is not set")
            }
            do {
                var contents = try readFile(path)[...]
                while contents.last?.isNewline == true { contents.removeLast() }
                return String(contents)
            } catch {
                throw Invalid(description: "the file \(path) cannot be read")
            }
        default: throw Self.noReference
        }
    }
}
