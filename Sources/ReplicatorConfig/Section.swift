internal import KafkaClient
internal import Yams

/// One mapping of the document. Reading a key marks it as known; ``finish()`` reports the keys nobody asked for.
/// Problems are collected, never thrown one by one: a person sees all of them at once.
struct Section {
    /// Keys whose names the file chooses stand for one another.
    let place: SettingPath
    let node: Node
    private let reader: DocumentReader
    private let mapping: [String: (key: Node, value: Node)]
    private var known: Set<String> = []
    /// True if what is read here is read once more where it belongs.
    private var isLookedAhead = false

    var path: String { place.description }

    /// A section that the file does not have, so that its defaults hold.
    ///
    /// - Parameter node: the place of problems with it.
    private init(missingAt place: SettingPath, in node: Node, reader: DocumentReader) {
        self.place = place
        self.node = node
        self.reader = reader
        mapping = [:]
    }

    /// Nil, and a problem, when the node is not a mapping.
    init?(_ node: Node, place: SettingPath = SettingPath(), reader: DocumentReader) {
        let path = place.description
        guard let pairs = node.mapping else {
            // A text in the place of a mapping may be a password, but not in a flow.
            let found = path.hasPrefix("flows") ? node.shownKind : node.kindName
            reader.report("expected a mapping of keys to values, found \(found)", at: node, path: path)
            return nil
        }
        self.node = node
        self.place = place
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

    /// Returns true if the file sets a key to anything.
    func has(_ key: String) -> Bool { mapping[key].map { !$0.value.isNull } ?? false }

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

    /// The same, for rules that look at it before it is its turn.
    func lookedAhead() -> Section {
        var copy = self
        copy.isLookedAhead = true
        return copy
    }

    /// Tells the reader which setting was asked for.
    private func note(_ key: String, _ kind: SettingKind, _ value: SettingValue?, standard: SettingValue? = nil) {
        guard !isLookedAhead else { return }
        reader.note(
            Setting(
                path: place.key(key), kind: kind, written: mapping[key].flatMap { reader.written($0.value, value) },
                standard: standard))
    }

    private func noteSecret(_ key: String) { note(key, .secret, nil) }
}

// Values. Each accessor also tells what the setting may be, and what it is without a value in the file.
extension Section {
    /// - Parameter pattern: an expression over the whole text for those who check it before it is read, as editors do.
    mutating func string(_ key: String, pattern: String? = nil, standard: String? = nil) -> String? {
        let text = scalar(key)
        note(key, .text(pattern: pattern), text.map { .text($0) }, standard: standard.map { .text($0) })
        return text
    }

    private mutating func scalar(_ key: String) -> String? {
        guard let node = value(key) else { return nil }
        guard let scalar = node.scalar else {
            reader.report("expected text, found \(node.kindName)", at: node, path: path(of: key))
            return nil
        }
        return reader.expand(scalar.string, at: node, path: path(of: key))
    }

    mutating func required(_ key: String, _ meaning: String, pattern: String? = nil) -> String? {
        guard requires(key, meaning) else {
            note(key, .text(pattern: pattern), nil)
            return nil
        }
        return string(key, pattern: pattern)
    }

    /// A text that is never shown, and whose `${file:…}` is read again whenever it is needed.
    mutating func secret(_ key: String) -> Secret? {
        noteSecret(key)
        guard let node = value(key) else { return nil }
        guard let scalar = node.scalar else {
            reader.report("expected text, found \(node.kindName)", at: node, path: path(of: key))
            return nil
        }
        return reader.secret(scalar.string, at: node, path: path(of: key))
    }

    /// Marks a key as one without which nothing works, for those who look at it.
    func requires(_ key: String) { if !isLookedAhead { reader.require(place.key(key)) } }

    mutating func requiredSecret(_ key: String, _ meaning: String) -> Secret? {
        guard requires(key, meaning) else {
            noteSecret(key)
            return nil
        }
        return secret(key)
    }

    /// Reports a key that has to be there, for those that are read as something else than a text.
    ///
    /// - Returns: whether it is there.
    mutating func requires(_ key: String, _ meaning: String) -> Bool {
        requires(key)
        known.insert(key)
        guard mapping[key].map({ $0.value.isNull }) ?? true else { return true }
        reader.report("missing required key \"\(key)\": \(meaning)", at: node, path: path)
        return false
    }

    /// Texts by name.
    mutating func texts(_ key: String) -> [String: String]? {
        note(key, .namedTexts, nil)
        guard var section = plainSection(key) else { return nil }
        defer { section.finish() }
        return section.keys.reduce(into: [:]) { $0[$1] = section.string($1) }
    }

    /// Reports those of the keys that are there, although with the other settings they do nothing.
    ///
    /// - Parameter why: nil for keys that only have to be known, since something else is reported already.
    mutating func refuse(_ keys: [String], _ why: String?) {
        for key in keys {
            known.insert(key)
            if !isLookedAhead { reader.spare(place.key(key)) }
            if let why, mapping[key] != nil { report(why, about: key) }
        }
    }

    mutating func bool(_ key: String, default standard: Bool) -> Bool {
        let text = scalar(key)
        note(key, .truth, text.map { .plain($0) }, standard: .plain("\(standard)"))
        switch text {
        case nil: return standard
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        case let text?:
            report("expected true or false, found \"\(text)\"", about: key)
            return standard
        }
    }

    /// - Parameter standard: the value without one in the file, for those who look at it.
    mutating func integer(_ key: String, in range: ClosedRange<Int>, standard: String? = nil) -> Int? {
        let text = scalar(key)
        note(key, .integer(range), text.map { .plain($0) }, standard: standard.map { .plain($0) })
        guard let text else { return nil }
        guard let number = Int(text) else {
            report("expected an integer, found \"\(text)\"", about: key)
            return nil
        }
        return checked(number, in: range, key)
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>, default standard: Int) -> Int {
        integer(key, in: range, standard: "\(standard)") ?? standard
    }

    /// A number of bytes: `16MiB`, `64KiB`, `1048576`.
    mutating func bytes(_ key: String, in range: ClosedRange<Int>, standard: Int? = nil) -> Int? {
        let text = scalar(key)
        note(key, .bytes(range), text.map { .plain($0) }, standard: standard.map { .plain(ByteCount.text($0)) })
        guard let text else { return nil }
        guard let number = ByteCount.parse(text) else {
            report("expected a number of bytes such as 16MiB, found \"\(text)\"", about: key)
            return nil
        }
        return checked(number, in: range, key)
    }

    mutating func bytes(_ key: String, in range: ClosedRange<Int>, default standard: Int) -> Int {
        bytes(key, in: range, standard: standard) ?? standard
    }

    /// A time span: `500ms`, `5s`, `10m`, `1h`.
    mutating func duration(_ key: String, in range: ClosedRange<Duration>, standard: Duration? = nil) -> Duration? {
        let text = scalar(key)
        note(key, .duration(range), text.map { .plain($0) }, standard: standard.map { .plain(TimeSpan.text($0)) })
        guard let text else { return nil }
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

    mutating func duration(_ key: String, in range: ClosedRange<Duration>, default standard: Duration) -> Duration {
        duration(key, in: range, standard: standard) ?? standard
    }

    /// One word out of a fixed set.
    mutating func choice<Value>(
        _ key: String, _ choices: KeyValuePairs<String, Value>, standard: String? = nil
    ) -> Value? {
        let text = scalar(key)
        note(key, .choice(choices.map(\.key)), text.map { .text($0) }, standard: standard.map { .text($0) })
        guard let text else { return nil }
        if let found = choices.first(where: { $0.key == text }) { return found.value }
        let folded = choices.first { $0.key.lowercased() == text.lowercased() }
        let hint = folded.map { "; did you mean \($0.key)?" } ?? ""
        let isWord = text.count <= 40 && text.allSatisfy { $0.isLetter || $0.isNumber || "-_ ".contains($0) }
        let found = isWord ? "\"\(text)\"" : "something else"
        report("expected one of \(choices.map(\.key).joined(separator: ", ")), found \(found)\(hint)", about: key)
        return nil
    }

    mutating func choice<Value: Equatable>(
        _ key: String, _ choices: KeyValuePairs<String, Value>, default standard: Value
    ) -> Value {
        choice(key, choices, standard: choices.first { $0.value == standard }?.key) ?? standard
    }

    /// A list of texts; one text stands for a list of one.
    mutating func strings(_ key: String, standard: [String]? = nil) -> [String]? {
        let texts = listed(key)
        note(key, .texts, texts.map { .list($0) }, standard: standard.map { .list($0) })
        return texts
    }

    private mutating func listed(_ key: String) -> [String]? {
        guard let node = value(key) else { return nil }
        if node.scalar != nil { return scalar(key).map { [$0] } }
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

    /// Returns true if a key is missing or its list has no elements.
    func isEmptyList(_ key: String) -> Bool {
        guard let node = mapping[key]?.value, !node.isNull else { return true }
        return node.sequence?.isEmpty ?? false
    }

    /// Returns true if a key holds keys of its own, for those that take either a word or more.
    func isMapping(_ key: String) -> Bool { mapping[key]?.value.mapping != nil }

    mutating func section(_ key: String) -> Section? {
        note(key, .section, nil)
        return plainSection(key)
    }

    /// The same; a section without keys where there is none, so that its defaults hold.
    mutating func sectionOrDefaults(_ key: String) -> Section? {
        note(key, .section, nil)
        guard value(key) != nil else { return Section(missingAt: place.key(key), in: node, reader: reader) }
        return plainSection(key)
    }

    private mutating func plainSection(_ key: String) -> Section? {
        guard let node = value(key) else { return nil }
        var section = Section(node, place: place.key(key), reader: reader)
        section?.isLookedAhead = isLookedAhead
        return section
    }

    /// A mapping whose keys are names that the file chooses.
    ///
    /// - Parameter kind: of the whole.
    mutating func names(_ key: String, _ kind: SettingKind) -> Section? {
        note(key, kind, nil)
        return plainSection(key)
    }

    /// A list of mappings.
    mutating func sections(_ key: String) -> [Section]? {
        note(key, .sections, nil)
        guard let node = value(key) else { return nil }
        guard let sequence = node.sequence else {
            reader.report("expected a list, found \(node.kindName)", at: node, path: path(of: key))
            return nil
        }
        return sequence.enumerated().compactMap { Section($1, place: place.key(key).element($0), reader: reader) }
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
    /// Returns true if it may be shown as a key that nobody knows: `password:secret` without a space is a key too, and
    /// so is a password alone between braces.
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
