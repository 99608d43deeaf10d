import KafkaWire

/// A JAAS configuration as Kafka's `sasl.jaas.config` has it: `Module required key="value" …;`, one or several.
struct JAASConfig {
    struct Entry {
        let module: String
        let options: [ExactName: Secret]
    }

    let entries: [Entry]

    /// - Returns: nil for text that is no such configuration. No message repeats the text, which holds passwords.
    init?(parsing text: String) {
        var scanner = Scanner(rest: Substring(text))
        var entries: [Entry] = []
        while let module = scanner.next() {
            guard case .word(let name) = module, case .word(let flag)? = scanner.next(),
                ["required", "requisite", "sufficient", "optional"].contains(flag.lowercased())
            else { return nil }
            var options: [ExactName: Secret] = [:]
            option: while true {
                switch scanner.next() {
                case .end: break option
                case .word(let key):
                    guard case .equals? = scanner.next(), case .word(let value)? = scanner.next() else { return nil }
                    options[key] = Secret(value)
                case .equals, nil: return nil
                }
            }
            entries.append(Entry(module: name, options: options))
        }
        guard !entries.isEmpty, !scanner.isDamaged else { return nil }
        self.entries = entries
    }

    /// The options of a mechanism's login module.
    func options(for mechanism: SASLMechanism) -> [ExactName: Secret]? {
        entries.first { $0.module == mechanism.loginModule || $0.module.hasSuffix(".\(mechanism.loginModule)") }?
            .options
    }
}

extension JAASConfig {
    private enum Token {
        case word(String)
        case equals
        case end
    }

    private struct Scanner {
        var rest: Substring
        /// A quotation does not end.
        private(set) var isDamaged = false

        init(rest: Substring) {
            self.rest = rest
        }

        mutating func next() -> Token? {
            rest = rest.drop(while: \.isWhitespace)
            guard let first = rest.first else { return nil }
            switch first {
            case "=":
                rest.removeFirst()
                return .equals
            case ";":
                rest.removeFirst()
                return .end
            case "\"", "'": return quotation(first)
            default:
                let word = rest.prefix { !$0.isWhitespace && $0 != "=" && $0 != ";" }
                rest.removeFirst(word.count)
                return .word(String(word))
            }
        }

        private mutating func quotation(_ mark: Character) -> Token? {
            rest.removeFirst()
            var word = ""
            while let next = rest.popFirst() {
                switch next {
                case mark: return .word(word)
                case "\\": if let escaped = rest.popFirst() { word.append(escaped) }
                default: word.append(next)
                }
            }
            isDamaged = true
            return nil
        }
    }
}
