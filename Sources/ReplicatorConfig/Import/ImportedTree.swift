internal import FoundationEssentials
internal import Yams

/// JSON or YAML as it is written, without types: what Connect and Kubernetes take as text is text.
enum ImportedTree {
    case text(String)
    case list([ImportedTree])
    case mapping([String: ImportedTree])
    case nothing

    /// The documents of a text in YAML.
    static func yaml(_ text: String) throws(ImportFailure) -> [ImportedTree] {
        do {
            // Aliases may make a short text endless.
            var budget = 100_000
            let parser = try Parser(yaml: text)
            var trees: [ImportedTree] = []
            while let node = try parser.nextRoot() { trees.append(try ImportedTree(node, &budget)) }
            return trees
        } catch let failure as ImportFailure {
            throw failure
        } catch let error as YamlError {
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                throw ImportFailure("not valid YAML, line \(mark.line): \(problem)")
            case .duplicatedKeysInMapping(_, let context):
                throw ImportFailure("not valid YAML, line \(context.mark.line): a key is there twice")
            default: throw ImportFailure("not valid YAML")
            }
        } catch {
            throw ImportFailure("not valid YAML")
        }
    }

    static func json(_ text: String) throws(ImportFailure) -> ImportedTree {
        do {
            return try JSONDecoder().decode(Document.self, from: Data(text.utf8)).tree
        } catch {
            throw ImportFailure("not valid JSON; \(ImportedConfiguration.expectation)")
        }
    }

    private init(_ node: Node, _ budget: inout Int) throws(ImportFailure) {
        budget -= 1
        guard budget > 0 else { throw ImportFailure("it has more than 100 000 values") }
        switch node {
        case .scalar(let scalar): self = node.isNull ? .nothing : .text(scalar.string)
        case .sequence(let elements):
            var list: [ImportedTree] = []
            for element in elements { list.append(try ImportedTree(element, &budget)) }
            self = .list(list)
        case .mapping(let pairs):
            var mapping: [String: ImportedTree] = [:]
            for (key, value) in pairs {
                if let name = key.string { mapping[name] = try ImportedTree(value, &budget) }
            }
            self = .mapping(mapping)
        case .alias: self = .nothing
        }
    }
}

extension ImportedTree {
    subscript(key: String) -> ImportedTree? {
        guard case .mapping(let mapping) = self else { return nil }
        return mapping[key]
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var elements: [ImportedTree] { if case .list(let elements) = self { elements } else { [] } }
    var members: [String: ImportedTree] { if case .mapping(let members) = self { members } else { [:] } }

    /// The texts of a mapping. Lists become what Kafka's configuration has for them.
    var texts: [String: String] {
        members.compactMapValues { member in
            switch member {
            case .text(let text): text
            case .list(let elements): elements.compactMap(\.text).joined(separator: ",")
            case .nothing: ""
            case .mapping: nil
            }
        }
    }
}

/// Any JSON.
private struct Document: Decodable {
    let tree: ImportedTree

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            tree = .nothing
        } else if let flag = try? container.decode(Bool.self) {
            tree = .text("\(flag)")
        } else if let number = try? container.decode(Int.self) {
            tree = .text("\(number)")
        } else if let number = try? container.decode(Double.self) {
            tree = .text("\(number)")
        } else if let text = try? container.decode(String.self) {
            tree = .text(text)
        } else if let elements = try? container.decode([Document].self) {
            tree = .list(elements.map(\.tree))
        } else {
            tree = .mapping(try container.decode([String: Document].self).mapValues(\.tree))
        }
    }
}
