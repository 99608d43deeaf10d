internal import KafkaClient
internal import Yams

/// One mapping of the document. Reading a key marks it as known; ``finish()`` reports the keys nobody asked for.
/// Problems are collected, never thrown one by one: a person sees all of them at once.
struct Section {
    let path: String
    let node: Node
    private let reader: DocumentReader
    private let mapping: [String: (key: Node, value: Node)]
    private var known: Set<String> = []

    /// Nil, and a problem, when the node is not a mapping.
    init?(_ node: Node, path: String, reader: DocumentReader) {
        guard let pairs = node.mapping else {
            // Whoever writes a text where a mapping belongs may have written a password, but not in a flow.
            let found = path.hasPrefix("flows") ? node.shownKind : node.kindName
            reader.report("expected a mapping of keys to values, found \(found)", at: node, path: path)
            return nil
        }
        self.node = node
        self.path = path
        self.reader = reader
        var mapping: [String: (key: Node, value: Node)] = [:]
        for (key, value) in pairs {
            guard let name = key.string else {
                reader.report("keys must be text", at: key, path: path)
                continue
            }
            mapping[name] = (key, value)
        }
        self.mapping = mapping
    }

    func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// Reports a problem with the value of a key, or with the section when it lacks the key.
    func report(_ message: String, about key: String) {
        reader.report(message, at: mapping[key]?.value ?? node, path: path(of: key))
    }

    var keys: [String] { mapping.keys.sorted() }

    /// Reports every key that was not read, with the known one it resembles.
    func finish() {
        for (name, entry) in mapping.sorted(by: { $0.key < $1.key }) where !known.contains(name) {
            var message = "unknown key"
            if let similar = name.similar(in: known) {
                message += "; did you mean \"\(similar)\"?"
            } else if !known.isEmpty {
                message += "; known here: \(known.sorted().joined(separator: ", "))"
            }
            reader.report(message, at: entry.key, path: name.isKeyLike(with: entry.value) ? path(of: name) : path)
        }
    }

    private mutating func value(_ key: String) -> Node? {
        known.insert(key)
        guard let node = mapping[key]?.value, !node.isNull else { return nil }
        return node
    }
}

// Values.
extension Section {
    mutating func string(_ key: String) -> String? {
        guard let node = value(key) else { return nil }
        guard let scalar = node.scalar else {
            reader.report("expected text, found \(node.kindName)", at: node, path: path(of: key))
            return nil
        }
        return reader.expand(scalar.string, at: node, path: path(of: key))
    }

    mutating func required(_ key: String, _ meaning: String) -> String? {
        isThere(key, meaning) ? string(key) : nil
    }

    /// A text that is never shown, and whose `${file:…}` is read again whenever it is needed.
    mutating func secret(_ key: String) -> Secret? {
        guard let node = value(key) else { return nil }
        guard let scalar = node.scalar else {
            reader.report("expected text, found \(node.kindName)", at: node, path: path(of: key))
            return nil
        }
        return reader.secret(scalar.string, at: node, path: path(of: key))
    }

    mutating func requiredSecret(_ key: String, _ meaning: String) -> Secret? {
        isThere(key, meaning) ? secret(key) : nil
    }

    private mutating func isThere(_ key: String, _ meaning: String) -> Bool {
        known.insert(key)
        guard mapping[key].map({ $0.value.isNull }) ?? true else { return true }
        reader.report("missing required key \"\(key)\": \(meaning)", at: node, path: path)
        return false
    }

    /// Texts by name.
    mutating func texts(_ key: String) -> [String: String]? {
        guard var section = section(key) else { return nil }
        defer { section.finish() }
        return section.keys.reduce(into: [:]) { $0[$1] = section.string($1) }
    }

    /// Reports those of the keys that are there, although with the other settings they do nothing.
    ///
    /// - Parameter why: nil for keys that only have to be known, since something else is reported already.
    mutating func refuse(_ keys: [String], _ why: String?) {
        for key in keys {
            known.insert(key)
            if let why, mapping[key] != nil { report(why, about: key) }
        }
    }

    mutating func bool(_ key: String, default standard: Bool) -> Bool {
        guard let text = string(key) else { return standard }
        switch text {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default:
            report("expected true or false, found \"\(text)\"", about: key)
            return standard
        }
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = string(key) else { return nil }
        guard let number = Int(text) else {
            report("expected an integer, found \"\(text)\"", about: key)
            return nil
        }
        return checked(number, in: range, key)
    }

    /// A number of bytes: `16MiB`, `64KiB`, `1048576`.
    mutating func bytes(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = string(key) else { return nil }
        guard let number = ByteCount.parse(text) else {
            report("expected a number of bytes such as 16MiB, found \"\(text)\"", about: key)
            return nil
        }
        return checked(number, in: range, key)
    }

    /// A time span: `500ms`, `5s`, `10m`, `1h`.
    mutating func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
        guard let text = string(key) else { return nil }
        guard let span = TimeSpan.parse(text) else {
            report("expected a time span such as 500ms, 5s or 10m, found \"\(text)\"", about: key)
            return nil
        }
        guard range.contains(span) else {
            report(
                "\(text) is outside \(TimeSpan.text(range.lowerBound))…\(TimeSpan.text(range.upperBound))", about: key)
            return nil
        }
        return span
    }

    /// One word out of a fixed set.
    mutating func choice<Value>(_ key: String, _ choices: KeyValuePairs<String, Value>) -> Value? {
        guard let text = string(key) else { return nil }
        if let found = choices.first(where: { $0.key == text }) { return found.value }
        let folded = choices.first { $0.key.lowercased() == text.lowercased() }
        let hint = folded.map { "; did you mean \($0.key)?" } ?? ""
        let isWord = text.count <= 40 && text.allSatisfy { $0.isLetter || $0.isNumber || "-_ ".contains($0) }
        let found = isWord ? "\"\(text)\"" : "something else"
        report("expected one of \(choices.map(\.key).joined(separator: ", ")), found \(found)\(hint)", about: key)
        return nil
    }

    /// A list of texts; one text stands for a list of one.
    mutating func strings(_ key: String) -> [String]? {
        guard let node = value(key) else { return nil }
        if node.scalar != nil { return string(key).map { [$0] } }
        guard let sequence = node.sequence else {
            reader.report("expected a list of texts, found \(node.kindName)", at: node, path: path(of: key))
            return nil
        }
        return sequence.enumerated().compactMap { index, element in
            let place = "\(path(of: key))[\(index)]"
            guard let scalar = element.scalar, !element.isNull else {
                reader.report("expected text, found \(element.kindName)", at: element, path: place)
                return nil
            }
            return reader.expand(scalar.string, at: element, path: place)
        }
    }

    /// Whether a key is missing or its list has no elements.
    func isEmptyList(_ key: String) -> Bool {
        guard let node = mapping[key]?.value, !node.isNull else { return true }
        return node.sequence?.isEmpty ?? false
    }

    /// Whether a key holds keys of its own, for those that take either a word or more.
    func isMapping(_ key: String) -> Bool { mapping[key]?.value.mapping != nil }

    mutating func section(_ key: String) -> Section? {
        guard let node = value(key) else { return nil }
        return Section(node, path: path(of: key), reader: reader)
    }

    /// A list of mappings.
    mutating func sections(_ key: String) -> [Section]? {
        guard let node = value(key) else { return nil }
        guard let sequence = node.sequence else {
            reader.report("expected a list, found \(node.kindName)", at: node, path: path(of: key))
            return nil
        }
        return sequence.enumerated().compactMap { Section($1, path: "\(path(of: key))[\($0)]", reader: reader) }
    }

    private func checked(_ number: Int, in range: ClosedRange<Int>, _ key: String) -> Int? {
        guard range.contains(number) else {
            report("\(number) is outside \(range.lowerBound)…\(range.upperBound)", about: key)
            return nil
        }
        return number
    }
}

extension Node {
    var isNull: Bool {
        guard let scalar else { return false }
        return scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    var kindName: String {
        switch self {
        case .scalar: isNull ? "nothing" : "a text"
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }

    /// The same, with the text itself.
    var shownKind: String {
        guard let scalar, !isNull else { return kindName }
        return "\"\(scalar.string)\""
    }
}

extension String {
    /// Whether it may be shown as a key that nobody knows: `password:secret` without a space is a key too, and so is a
    /// password that stands alone between braces.
    fileprivate func isKeyLike(with value: Node) -> Bool {
        count <= 40 && allSatisfy { $0.isASCII && ($0.isLetter || "_-.".contains($0)) } && !value.isNull
    }

    /// The one of the keys that was meant, if it looks like it.
    fileprivate func similar(in keys: Set<String>) -> String? {
        // Comparing costs time for each letter of both.
        guard count <= 64 else { return nil }
        let nearest = keys.sorted().map { (key: $0, distance: editDistance(to: $0)) }.min { $0.distance < $1.distance }
        return nearest.flatMap { $0.distance <= max(2, count / 3) ? $0.key : nil }
    }

    /// Insertions, deletions and replacements that make one out of the other, upper and lower case being equal.
    func editDistance(to other: String) -> Int {
        let left = Array(lowercased()), right = Array(other.lowercased())
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let above = row[j + 1]
                row[j + 1] = Swift.min(above + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}
