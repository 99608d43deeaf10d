internal import FoundationEssentials
internal import KafkaClient
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

    /// A piece of a text: as it is, or what a reference stood for.
    fileprivate struct Piece {
        var value: String
        var part: Secret.Part
    }

    /// The text with every `${env:NAME}` and `${file:PATH}` replaced; nil, and a problem, when one cannot be.
    func expand(_ text: String, at node: Node, path: String) -> String? {
        pieces(of: text, at: node, path: path)?.map(\.value).joined()
    }

    /// The same for a secret, which remembers its files so that it can be read again; nil, and a problem, when one
    /// cannot be read now.
    func secret(_ text: String, at node: Node, path: String) -> Secret? {
        pieces(of: text, at: node, path: path).map { Secret($0.map(\.part)) }
    }

    private func pieces(of text: String, at node: Node, path: String) -> [Piece]? {
        var pieces: [Piece] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            pieces.append(Piece(text: rest[..<start.lowerBound]))
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                report("\"${\" without \"}\"; write ${env:NAME} or ${file:/path}", at: node, path: path)
                return nil
            }
            guard let piece = resolve(rest[start.upperBound..<end], at: node, path: path) else { return nil }
            pieces.append(piece)
            rest = rest[rest.index(after: end)...]
        }
        return pieces + [Piece(text: rest)]
    }

    private func resolve(_ reference: Substring, at node: Node, path: String) -> Piece? {
        let parts = reference.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.count == 2 ? String(parts[1]) : ""
        switch parts.first {
        case "env" where !name.isEmpty:
            if let value = environment[name] { return Piece(text: value[...]) }
            report("the environment variable \(name) is not set", at: node, path: path)
        case "file" where !name.isEmpty:
            do {
                return Piece(value: try readFile(name).trimmingSuffix { $0.isNewline }, part: .file(name))
            } catch {
                report("cannot read \(name): \(error)", at: node, path: path)
            }
        default:
            report("unknown reference \"${\(reference)}\"; write ${env:NAME} or ${file:/path}", at: node, path: path)
        }
        return nil
    }
}

extension DocumentReader.Piece {
    fileprivate init(text: Substring) {
        value = String(text)
        part = .text(value)
    }
}

extension String {
    fileprivate func trimmingSuffix(while condition: (Character) -> Bool) -> String {
        var text = self[...]
        while let last = text.last, condition(last) { text.removeLast() }
        return String(text)
    }
}
