/// Kafka's config providers, as far as their references can be said in our terms.
///
/// `${env:NAME}` means the same here, `${directory:/path:file}` is our `${file:/path/file}`. What other providers hold
/// (keys of properties files, secrets of a cloud or of Kubernetes) has to be handed in as an environment variable.
struct ConfigProviders {
    enum Piece: Equatable {
        case text(String)
        /// One of our own references.
        case reference(String)
        /// The content of a file; what stands for it is also the file's path.
        case file(String)
        /// Reference of the original to what another provider holds.
        case foreign(String)
    }

    private enum Kind {
        case environment, directory, other
    }

    private var kinds: [String: Kind] = ["env": .environment, "directory": .directory, "dir": .directory]

    /// - Parameter classes: the class of each provider by its name.
    init(classes: [String: String]) {
        for (name, className) in classes {
            if className.hasSuffix("EnvVarConfigProvider") {
                kinds[name] = .environment
            } else if className.hasSuffix("DirectoryConfigProvider") {
                kinds[name] = .directory
            } else {
                kinds[name] = .other
            }
        }
    }

    /// The text in pieces; nil when it holds a `${` that is no reference.
    func pieces(of text: String) -> [Piece]? {
        var pieces: [Piece] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            if start.lowerBound > rest.startIndex { pieces.append(.text(String(rest[..<start.lowerBound]))) }
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else { return nil }
            let inner = rest[start.upperBound..<end]
            guard inner.contains(":"), let piece = piece(inner) else { return nil }
            pieces.append(piece)
            rest = rest[rest.index(after: end)...]
        }
        if !rest.isEmpty { pieces.append(.text(String(rest))) }
        return pieces
    }

    /// `provider:[path:]key`.
    private func piece(_ reference: Substring) -> Piece? {
        let parts = reference.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard let provider = parts.first, let key = parts.last, !key.isEmpty else { return nil }
        let path = parts.count == 3 ? String(parts[1]) : ""
        let isPlain = key.allSatisfy { $0.isASCII && !$0.isWhitespace && !"\"\\$".contains($0) }
        switch kinds[String(provider)] ?? .other {
        case .environment where isPlain && !key.contains(":"): return .reference("${env:\(key)}")
        case .directory where isPlain && !path.isEmpty && !path.contains("$"):
            return .file(path.hasSuffix("/") ? "\(path)\(key)" : "\(path)/\(key)")
        default: return .foreign("${\(reference)}")
        }
    }
}

/// Names of environment variables that an imported file refers to in place of what is not copied into it.
struct SecretVariables {
    private var purposes: [String: String] = [:]

    /// A name that no other purpose has.
    ///
    /// - Parameter purpose: what the variable is for; the same purpose gets the same name.
    mutating func name(_ cluster: String, _ what: String, for purpose: String) -> String {
        var base = ""
        for character in cluster.uppercased() {
            base.append(character.isASCII && (character.isLetter || character.isNumber) ? character : "_")
        }
        if base.first?.isNumber ?? true { base = "CLUSTER_" + base }
        base += "_" + what
        var name = base
        var number = 2
        while let taken = purposes[name], taken != purpose {
            name = "\(base)_\(number)"
            number += 1
        }
        purposes[name] = purpose
        return name
    }
}
