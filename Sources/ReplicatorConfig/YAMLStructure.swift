// libyaml as Yams brings it along: its events come before Yams makes nodes of them.
internal import CYaml

/// Shape of a YAML document, looked at before nodes are made of it.
///
/// Yams compares the keys of a mapping with each other. A key that is an alias of a mapping, whose keys are aliases in turn,
/// doubles the work with each level: twenty lines would keep it busy for hours. Keys of a configuration are text.
enum YAMLStructure {
    struct Problem {
        var message: String
        /// Counted from one.
        var line: Int
        var column: Int
    }

    /// Bytes of a file; a flow of many settings takes a kilobyte.
    static let largestFile = 8 << 20
    private static let nesting = 100
    private static let aliases = 10_000

    private struct Collection {
        var isMapping: Bool
        var isAtKey = true
    }

    /// Nil for a document that Yams may read. Text that is not YAML is left for Yams to refuse, in its own words.
    static func problem(in text: String) -> Problem? {
        guard text.utf8.count <= largestFile else {
            return Problem(
                message: "the file has \(text.utf8.count) bytes, a configuration at most \(largestFile)", line: 0,
                column: 0)
        }
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) != 0 else { return nil }
        defer { yaml_parser_delete(&parser) }
        var text = text
        return text.withUTF8 { bytes in
            yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
            yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
            return problem(in: &parser)
        }
    }

    private static func problem(in parser: inout yaml_parser_t) -> Problem? {
        var open: [Collection] = []
        var aliasCount = 0
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(&parser, &event) != 0 else { return nil }
            defer { yaml_event_delete(&event) }
            func refuse(_ message: String) -> Problem {
                Problem(
                    message: message, line: Int(event.start_mark.line) + 1, column: Int(event.start_mark.column) + 1)
            }
            let isKey = open.last.map { $0.isMapping && $0.isAtKey } ?? false
            switch event.type {
            case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return nil
            case YAML_ALIAS_EVENT:
                aliasCount += 1
                if isKey { return refuse("an alias cannot be a key; write the key itself") }
                if aliasCount > aliases { return refuse("more than \(aliases) aliases; write the values themselves") }
            case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT:
                if isKey { return refuse("a list or a mapping cannot be a key; keys are text") }
                if open.count >= nesting { return refuse("more than \(nesting) levels within each other") }
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
                open.removeLast()
                continue
            case YAML_SCALAR_EVENT: break
            default: continue
            }
            if let last = open.indices.last { open[last].isAtKey.toggle() }
            if event.type == YAML_SEQUENCE_START_EVENT { open.append(Collection(isMapping: false)) }
            if event.type == YAML_MAPPING_START_EVENT { open.append(Collection(isMapping: true)) }
        }
    }
}
