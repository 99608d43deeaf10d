/// Everything that is in effect with a configuration file: what it sets, and the defaults of what it does not. Secrets
/// are not in it.
public struct EffectiveConfiguration: Sendable {
    /// A value, and where it comes from.
    public struct Value: Sendable, Encodable {
        public enum Origin: String, Sendable, Encodable {
            case file, standard = "default"
        }

        /// Such as `flows[0].sync.interval`.
        public var path: String
        /// Nil for what is not shown, and for lists.
        public var value: String?
        /// Nil for what is no list.
        public var values: [String]?
        public var isSecret: Bool
        public var origin: Origin
        /// Line of the file, from one on; nil for a default.
        public var line: Int?
        /// `${env:NAME}` and `${file:PATH}` that it is made of.
        public var references: [String]

        enum CodingKeys: String, CodingKey {
            case path, value, values, isSecret = "secret", origin, line, references
        }
    }

    public let values: [Value]
    /// The same as a configuration file, with the origin of each value in a comment.
    public let yaml: String

    init(_ settings: [Setting]) {
        let shown = settings.compactMap { setting in ShownSetting(setting).map { (setting.path, $0) } }
        values = shown.map { path, setting in
            Value(
                path: path.description, value: setting.text, values: setting.list, isSecret: setting.isSecret,
                origin: setting.line == nil ? .standard : .file, line: setting.line, references: setting.references)
        }
        var tree = SettingTree()
        for (path, setting) in shown { tree.insert(setting, at: path.steps[...]) }
        yaml = SettingTree.aligned(tree.lines(indent: "")) + "\n"
    }
}

extension ConfigFile {
    /// The values that are in effect.
    public var effective: EffectiveConfiguration { EffectiveConfiguration(settings) }
}

/// A setting as it is shown to people.
private struct ShownSetting {
    var text: String?
    var list: [String]?
    var isSecret = false
    var line: Int?
    var references: [String]
    /// Form in a configuration file.
    var yaml: String

    private static let hidden = "•••"

    /// Nil for a section, and for what has neither a value nor a default.
    init?(_ setting: Setting) {
        line = setting.written?.line
        references = setting.written?.references ?? []
        switch setting.kind {
        case .section, .sections, .namedSections, .namedTexts, .namedSecrets: return nil
        case .secret:
            guard let written = setting.written else { return nil }
            isSecret = true
            // A reference says where a secret is, not what it is; beside text it may be a part of one.
            yaml = YAMLText.quoted(written.isOneReference ? written.references.joined() : Self.hidden)
            if !written.isOneReference { references = [] }
        case .text, .texts, .truth, .integer, .bytes, .duration, .choice:
            guard let value = setting.written.map({ $0.shown(as: setting.kind) }) ?? setting.standard else {
                return nil
            }
            switch value {
            case .text(let text):
                self.text = text
                yaml = Self.isWord(text) ? text : YAMLText.quoted(text)
            case .plain(let text):
                self.text = text
                yaml = YAMLText.line(text)
            case .list(let texts):
                list = texts
                yaml = YAMLText.list(texts)
            }
        }
    }

    var origin: String {
        guard let line else { return "default" }
        let place = "line \(line)"
        return references.isEmpty || isSecret ? place : "\(place), \(references.joined(separator: " "))"
    }

    /// Returns true if YAML takes it for a text without quotes.
    private static func isWord(_ text: String) -> Bool {
        let types = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        guard let first = text.utf8.first, first & 0xDF >= 0x41, first & 0xDF <= 0x5A else { return false }
        return !types.contains(text.lowercased())
            && text.utf8.allSatisfy {
                $0 & 0xDF >= 0x41 && $0 & 0xDF <= 0x5A || $0 >= 0x30 && $0 <= 0x39 || "_-./".utf8.contains($0)
            }
    }
}

extension Setting.Written {
    /// The value, unless it may be more than what the key asks for: a variable or a file that was named by mistake.
    fileprivate func shown(as kind: SettingKind) -> SettingValue? {
        let isFree = kind == .text(pattern: nil)
        return isFree && !references.isEmpty ? raw.map { .text($0) } : value
    }
}

/// Settings by their places in the document, in the order in which they came.
private struct SettingTree {
    private var setting: ShownSetting?
    private var children: [(step: SettingPath.Step, tree: SettingTree)] = []

    mutating func insert(_ setting: ShownSetting, at path: ArraySlice<SettingPath.Step>) {
        guard let step = path.first else {
            self.setting = setting
            return
        }
        let index: Int
        if let found = children.lastIndex(where: { $0.step == step }) {
            index = found
        } else {
            index = children.count
            children.append((step, SettingTree()))
        }
        children[index].tree.insert(setting, at: path.dropFirst())
    }

    struct Line {
        var text: String
        /// Empty for a line that opens a section.
        var comment = ""
    }

    func lines(indent: String) -> [Line] {
        children.flatMap { step, tree -> [Line] in
            switch step {
            case .key(let name):
                let key = indent + (Self.isPlainKey(name) ? name : YAMLText.quoted(name)) + ":"
                if let setting = tree.setting { return [Line(text: "\(key) \(setting.yaml)", comment: setting.origin)] }
                return [Line(text: key)] + tree.lines(indent: indent + "  ")
            case .element:
                var lines = tree.lines(indent: indent + "  ")
                if let first = lines.first { lines[0].text = indent + "- " + first.text.dropFirst(indent.count + 2) }
                return lines
            }
        }
    }

    private static func isPlainKey(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { $0 & 0xDF >= 0x41 && $0 & 0xDF <= 0x5A }
    }

    /// Column from which on comments are written, where lines are not longer.
    private static let widest = 64

    static func aligned(_ lines: [Line]) -> String {
        let width = lines.lazy.filter { !$0.comment.isEmpty && $0.text.count <= widest }.map(\.text.count).max() ?? 0
        return lines.map { line in
            guard !line.comment.isEmpty else { return line.text }
            let gap = String(repeating: " ", count: max(0, width - line.text.count) + 2)
            return "\(line.text)\(gap)# \(YAMLText.line(line.comment))"
        }.joined(separator: "\n")
    }
}
