internal import FoundationEssentials
internal import KafkaClient
internal import Yams

/// State that is shared while one file is read: its name, the environment for `${env:…}`, and the problems found so
/// far.
final class DocumentReader {
    let file: String
    private let environment: [String: String]
    private let readFile: (String) throws -> String
    private(set) var problems: [Problem] = []
    private(set) var references = ResolvedReferences()
    /// True if the file itself holds a secret.
    private(set) var holdsSecrets = false
    /// The settings that were asked for, in this order.
    private(set) var settings: [Setting] = []
    /// Settings among them without which nothing works.
    private(set) var required: Set<SettingPath> = []
    /// Settings that have no effect with the others.
    private(set) var spared: Set<SettingPath> = []
    private var noted: Set<SettingPath> = []

    init(file: String, environment: [String: String], readFile: @escaping (String) throws -> String) {
        self.file = file
        self.environment = environment
        self.readFile = readFile
    }

    func report(_ message: String, at node: Node?, path: String) {
        report(message, mark: node?.mark, path: path)
    }

    func report(_ message: String, mark: Mark?, path: String) {
        report(message, line: mark?.line ?? 0, column: mark?.column ?? 0, path: path)
    }

    func report(_ message: String, line: Int, column: Int, path: String = "") {
        problems.append(
            Problem(file: file, line: line, column: column, path: path, message: references.hiding(message)))
    }

    func note(_ setting: Setting) {
        guard noted.insert(setting.path).inserted else { return }
        settings.append(setting)
    }

    /// Nothing works without this setting.
    func require(_ path: SettingPath) {
        required.insert(path)
    }

    /// With the other settings this one has no effect.
    func spare(_ path: SettingPath) {
        spared.insert(path)
    }

    /// The place of a value, and the references that it holds; nil for none.
    func written(_ node: Node, _ value: SettingValue?) -> Setting.Written? {
        guard !node.isNull else { return nil }
        let texts = node.scalar.map { [$0.string] } ?? node.sequence?.compactMap { $0.scalar?.string } ?? []
        return Setting.Written(
            line: node.mark?.line ?? 0, column: node.mark?.column ?? 0, value: value, raw: node.scalar?.string,
            references: texts.flatMap(Self.references))
    }

    private static func references(in text: String) -> [String] {
        var found: [String] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            let isEscaped = rest[..<start.lowerBound].last == "$"
            guard !isEscaped, let end = NestedReference.end(in: rest[start.upperBound...]) else {
                rest = rest[start.upperBound...]
                continue
            }
            found.append(String(rest[start.lowerBound...end]))
            rest = rest[rest.index(after: end)...]
        }
        return found
    }

    /// A piece of a text: as it is, or what a reference stood for.
    fileprivate struct Piece {
        enum Origin {
            case document, environment
            case file(String)
        }

        var value: String
        var origin: Origin

        var part: Secret.Part {
            if case .file(let name) = origin { .file(name) } else { .text(value) }
        }
    }

    /// The text with every `${env:NAME}` and `${file:PATH}` replaced, and `$${` by `${`; nil, and a problem, when one cannot be.
    func expand(_ text: String, at node: Node, path: String) -> String? {
        pieces(of: text, at: node, path: path)?.map(\.value).joined()
    }

    /// The same for a secret, which remembers its files so that it can be read again; nil, and a problem, when one
    /// cannot be read now.
    func secret(_ text: String, at node: Node, path: String) -> Secret? {
        guard let pieces = pieces(of: text, at: node, path: path) else { return nil }
        for piece in pieces {
            if case .document = piece.origin, !piece.value.isEmpty { holdsSecrets = true }
        }
        return Secret(pieces.map(\.part))
    }

    private func pieces(of text: String, at node: Node, path: String) -> [Piece]? {
        var pieces: [Piece] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            let before = rest[..<start.lowerBound]
            if before.last == "$" {
                // Written twice, it is one that stands for itself.
                pieces.append(Piece(value: before + "{", origin: .document))
                rest = rest[start.upperBound...]
                continue
            }
            pieces.append(Piece(value: String(before), origin: .document))
            guard let end = NestedReference.end(in: rest[start.upperBound...]),
                let piece = resolve(rest[start.upperBound..<end], at: node, path: path)
            else {
                if !hasReported(node, path) {
                    // The text there may be a part of a password.
                    report(
                        "\"${\" begins neither ${env:NAME} nor ${file:/path}; write $${ for these characters themselves",
                        at: node, path: path)
                }
                return nil
            }
            pieces.append(piece)
            rest = rest[rest.index(after: end)...]
        }
        return pieces + [Piece(value: String(rest), origin: .document)]
    }

    private func hasReported(_ node: Node, _ path: String) -> Bool {
        problems.last.map { $0.path == path && $0.line == node.mark?.line && $0.column == node.mark?.column } ?? false
    }

    /// Nil for what is no reference, and for one that cannot be followed, which is reported.
    private func resolve(_ reference: Substring, at node: Node, path: String) -> Piece? {
        let parts = reference.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.count == 2 ? String(parts[1]) : ""
        switch parts.first {
        case "env" where name.isVariableName:
            if let value = environment[name] {
                references.remember(value)
                return Piece(value: value, origin: .environment)
            }
            report("the environment variable \(name) is not set", at: node, path: path)
        case "file" where !name.isEmpty:
            let file: String
            do { file = try NestedReference.path(name, environment) } catch {
                report("the environment variable \(error.name) is not set", at: node, path: path)
                return nil
            }
            do {
                let value = try readFile(file).trimmingSuffix { $0.isNewline }
                references.remember(value)
                return Piece(value: value, origin: .file(file))
            } catch {
                report("cannot read \(file): \(error.fileReason)", at: node, path: path)
            }
        default: break
        }
        return nil
    }
}

extension String {
    fileprivate var isVariableName: Bool {
        !isEmpty && utf8.allSatisfy { $0 & 0xDF >= 0x41 && $0 & 0xDF <= 0x5A || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x5F }
    }

    fileprivate func trimmingSuffix(while condition: (Character) -> Bool) -> String {
        var text = self[...]
        while let last = text.last, condition(last) { text.removeLast() }
        return String(text)
    }
}

extension Error {
    /// Reason for which a file cannot be read, without what is in it.
    var fileReason: String {
        guard let error = self as? CocoaError else { return "input/output error" }
        switch error.code {
        case .fileNoSuchFile, .fileReadNoSuchFile: return "no such file"
        case .fileReadNoPermission: return "permission denied"
        case .fileReadInapplicableStringEncoding, .fileReadCorruptFile: return "it is not UTF-8 text"
        default: return "input/output error"
        }
    }
}
