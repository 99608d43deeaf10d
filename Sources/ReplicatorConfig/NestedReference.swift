/// `${env:NAME}` within the path of `${file:…}`: systemd and others tell the folder of their secrets in a variable.
enum NestedReference {
    /// Place of the brace that ends a reference.
    ///
    /// - Parameter text: the text behind its `${`.
    static func end(in text: Substring) -> Substring.Index? {
        guard text.hasPrefix("file:") else { return text.firstIndex(of: "}") }
        var rest = text
        while let brace = rest.firstIndex(of: "}") {
            guard let inner = rest[..<brace].firstRange(of: "${env:") else { return brace }
            rest = rest[inner.upperBound...]
            guard let innerEnd = rest.firstIndex(of: "}") else { return nil }
            rest = rest[rest.index(after: innerEnd)...]
        }
        return nil
    }

    /// A variable in a path that is not set.
    struct Unset: Error {
        let name: String
    }

    /// The path with the variables in it replaced.
    static func path(_ text: String, _ environment: [String: String]) throws(Unset) -> String {
        var path = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${env:"), let end = rest[start.upperBound...].firstIndex(of: "}") {
            let name = String(rest[start.upperBound..<end])
            guard let value = environment[name] else { throw Unset(name: name) }
            path += rest[..<start.lowerBound] + value
            rest = rest[rest.index(after: end)...]
        }
        return path + rest
    }
}
