internal import Yams

/// The JSON Schema of a configuration file, for editors and for those who write such files by program.
///
/// It is made by reading samples in which every key occurs: the code that reads a file is the only place that knows its
/// keys, types and bounds.
public struct ConfigurationSchema: Encodable {
    private let schema: JSONSchema

    public init() {
        var root = Place()
        var required = RequiredKeys()
        for sample in ConfigurationSamples.all {
            let reader = DocumentReader(file: "", environment: [:]) { _ in "" }
            _ = ConfigFile.read(sample, reader)
            for setting in reader.settings {
                let pattern = Self.pattern(of: setting.path, reader.settings)
                root.insert(setting, at: pattern[...])
                required.found(pattern, isRequired: reader.required.contains(setting.path))
            }
            for path in reader.spared { required.found(Self.pattern(of: path, reader.settings), isRequired: false) }
        }
        schema = .object(
            root.members(path: [], required: required.all).merging([
                "$schema": .text("https://json-schema.org/draft/2020-12/schema"),
                "title": .text("Configuration of replicator"),
                "$defs": .object(["reference": .object(["type": .type("string"), "pattern": .text(Self.reference)])]),
            ]) { $1 })
    }

    public func encode(to encoder: any Encoder) throws { try schema.encode(to: encoder) }

    /// Paths of all settings and sections: `clusters.*.tls.caFile`, `flows[].name`.
    package static var paths: Set<String> {
        var paths: Set<String> = []
        for sample in ConfigurationSamples.all {
            let reader = DocumentReader(file: "", environment: [:]) { _ in "" }
            _ = ConfigFile.read(sample, reader)
            for setting in reader.settings { paths.insert(text(pattern(of: setting.path, reader.settings))) }
        }
        return paths
    }

    static func text(_ pattern: [String]) -> String {
        pattern.joined(separator: ".").replacing(".[]", with: "[]")
    }

    private static let reference = #"\$\{(env|file):"#
    /// Stands for a name that the file chooses.
    static let anyName = "*"
    static let anyElement = "[]"

    /// The path with names that the file chooses replaced.
    private static func pattern(of path: SettingPath, _ settings: [Setting]) -> [String] {
        let named = Set(settings.filter { $0.kind.namesItsKeys }.map(\.path))
        var parent = SettingPath()
        return path.steps.map { step in
            defer { parent.steps.append(step) }
            switch step {
            case .key(let name): return named.contains(parent) ? anyName : name
            case .element: return anyElement
            }
        }
    }

    /// Keys that a section cannot be without, whatever else is in it.
    private struct RequiredKeys {
        private var required: Set<[String]> = []
        /// Keys that some section does without.
        private var optional: Set<[String]> = []

        mutating func found(_ pattern: [String], isRequired: Bool) {
            if isRequired { required.insert(pattern) } else { optional.insert(pattern) }
        }

        var all: Set<[String]> { required.subtracting(optional) }
    }

    /// A place in the document with everything that may be there.
    private struct Place {
        private var kinds: [SettingKind] = []
        private var standard: SettingValue?
        private var children: [String: Place] = [:]

        mutating func insert(_ setting: Setting, at path: ArraySlice<String>) {
            guard let step = path.first else {
                if !kinds.contains(setting.kind) { kinds.append(setting.kind) }
                standard = standard ?? setting.standard
                return
            }
            children[step, default: Place()].insert(setting, at: path.dropFirst())
        }

        func schema(path: [String], required: Set<[String]>) -> JSONSchema {
            var alternatives = kinds.map { kind -> [String: JSONSchema] in
                switch kind {
                case .section, .namedSections, .namedTexts, .namedSecrets:
                    members(path: path, required: required)
                case .sections:
                    [
                        "type": .type("array"), "minItems": .number(1),
                        "items": .object(
                            children[anyElement].map {
                                $0.members(path: path + [anyElement], required: required)
                            } ?? [:]),
                    ]
                default: kind.schema
                }
            }
            // An element of a list, or a name that the file chooses, is asked for as part of its parent.
            if alternatives.isEmpty { alternatives = [members(path: path, required: required)] }
            if kinds.contains(where: \.takesReference) { alternatives.append(["$ref": .text("#/$defs/reference")]) }
            var schema = alternatives.count == 1 ? alternatives[0] : ["anyOf": .list(alternatives.map { .object($0) })]
            if let meaning = SettingMeanings.all[ConfigurationSchema.text(path)] {
                schema["description"] = .text(meaning)
            }
            switch standard {
            case .text(let text): schema["default"] = .text(text)
            case .plain("true"): schema["default"] = .truth(true)
            case .plain("false"): schema["default"] = .truth(false)
            case .plain(let text): schema["default"] = Int(text).map { .number($0) } ?? .text(text)
            case .list(let texts): schema["default"] = .list(texts.map { .text($0) })
            case nil: break
            }
            return .object(schema)
        }

        func members(path: [String], required: Set<[String]>) -> [String: JSONSchema] {
            if let child = children[anyName] {
                return [
                    "type": .type("object"),
                    "additionalProperties": child.schema(path: path + [anyName], required: required),
                ]
            }
            let names = children.keys.filter { required.contains(path + [$0]) }.sorted()
            var schema: [String: JSONSchema] = [
                "type": names.isEmpty ? .type("object", "null") : .type("object"),
                "additionalProperties": .truth(false),
                "properties": .object(
                    Dictionary(
                        uniqueKeysWithValues: children.map { ($0, $1.schema(path: path + [$0], required: required)) })),
            ]
            if !names.isEmpty { schema["required"] = .list(names.map { .text($0) }) }
            return schema
        }
    }
}

extension SettingKind {
    fileprivate var namesItsKeys: Bool {
        switch self {
        case .namedSections, .namedTexts, .namedSecrets: true
        default: false
        }
    }

    /// True if what it takes otherwise leaves no room for `${env:NAME}`.
    fileprivate var takesReference: Bool {
        switch self {
        case .text(let pattern): pattern != nil
        case .truth, .integer, .bytes, .duration, .choice: true
        default: false
        }
    }

    fileprivate var schema: [String: JSONSchema] {
        switch self {
        case .text(nil), .secret: ["type": .type("string", "number", "boolean")]
        case .text(let pattern?): ["type": .type("string", "number"), "pattern": .text("^(\(pattern))$")]
        case .truth: ["type": .type("boolean")]
        case .integer(let range):
            ["type": .type("integer"), "minimum": .number(range.lowerBound), "maximum": .number(range.upperBound)]
        case .bytes(let range):
            [
                "anyOf": .list([
                    .object([
                        "type": .type("integer"), "minimum": .number(range.lowerBound),
                        "maximum": .number(range.upperBound),
                    ]),
                    .object(["type": .type("string"), "pattern": .text("^[0-9]+ *(KiB|MiB|GiB|kB|KB|MB|GB|B)?$")]),
                ])
            ]
        case .duration: ["type": .type("string"), "pattern": .text("^[0-9]+ *(ms|s|m|h|d)$")]
        case .choice(let words): ["enum": .list(words.map { .text($0) })]
        case .texts:
            [
                "anyOf": .list([
                    .object(["type": .type("array"), "items": .object(["type": .type("string", "number", "boolean")])]),
                    .object(["type": .type("string")]),
                ])
            ]
        case .section, .sections, .namedSections, .namedTexts, .namedSecrets: ["type": .type("object")]
        }
    }
}
