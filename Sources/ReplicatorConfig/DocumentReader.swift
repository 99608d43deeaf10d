internal import FoundationEssentials
internal import Yams

/// What is shared while one file is read: its name, the environment for `${env:…}`, and the problems found so far.
final class DocumentReader {
    let file: String
    private let environment: [String: String]
    private let readFile: (String) throws -> String
    private(set) var problems: [Problem] = []

    init(file: String, environment: [String: String], readFile: @escaping (String) throws -> String) {
        self.file = file
        self.environment = environment
        self.readFile = readFile
    }

    func report(_ message: String, at node: Node?, path: String) {
        report(message, mark: node?.mark, path: path)
    }

    func report(_ message: String, mark: Mark?, path: String) {
        problems.append(
            Problem(file: file, line: mark?.line ?? 0, column: mark?.column ?? 0, path: path, message: message))
    }

    /// The text with every `${env:NAME}` and `${file:PATH}` replaced; nil, and a problem, when one cannot be.
    func expand(_ text: String, at node: Node, path: String) -> String? {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                report("\"${\" without \"}\"; write ${env:NAME} or ${file:/path}", at: node, path: path)
                return nil
            }
            guard let value = resolve(rest[start.upperBound..<end], at: node, path: path) else { return nil }
            result += value
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private func resolve(_ reference: Substring, at node: Node, path: String) -> String? {
        let parts = reference.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.count == 2 ? String(parts[1]) : ""
        switch parts.first {
        case "env" where !name.isEmpty:
            if let value = environment[name] { return value }
            report("the environment variable \(name) is not set", at: node, path: path)
        case "file" where !name.isEmpty:
            do {
                return try readFile(name).trimmingSuffix { $0.isNewline }
            } catch {
                report("cannot read \(name): \(error)", at: node, path: path)
            }
        default:
            report("unknown reference \"${\(reference)}\"; write ${env:NAME} or ${file:/path}", at: node, path: path)
        }
        return nil
    }
}

extension String {
    fileprivate func trimmingSuffix(while condition: (Character) -> Bool) -> String {
        var text = self[...]
        while let last = text.last, condition(last) { text.removeLast() }
        return String(text)
    }
}
