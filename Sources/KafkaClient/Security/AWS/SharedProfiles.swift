internal import FoundationEssentials

/// The files in which AWS's tools keep credentials and settings by profile.
struct SharedProfiles {
    /// Keys and values by profile; what the credentials file says goes before the configuration file.
    private var profiles: [String: [String: String]] = [:]
    let credentialsFile: String
    private let configFile: String

    /// Reads both; a file that is not there says nothing.
    init(_ environment: [String: String]) throws(CredentialFailure) {
        let home = environment["HOME"] ?? "~"
        credentialsFile = environment["AWS_SHARED_CREDENTIALS_FILE"] ?? "\(home)/.aws/credentials"
        configFile = environment["AWS_CONFIG_FILE"] ?? "\(home)/.aws/config"
        for (name, values) in Self.sections(of: try Self.read(configFile)) {
            // The configuration file alone writes "profile x".
            let words = name.split(separator: " ")
            guard name == "default" || words.count == 2 && words[0] == "profile" else { continue }
            profiles[String(words.last ?? ""), default: [:]].merge(values) { $1 }
        }
        for (name, values) in Self.sections(of: try Self.read(credentialsFile)) {
            profiles[name, default: [:]].merge(values) { $1 }
        }
    }

    subscript(profile: String) -> [String: String]? { profiles[profile] }

    /// The files in which profiles are searched for.
    var places: String { "\(credentialsFile) and \(configFile)" }

    private static func read(_ path: String) throws(CredentialFailure) -> String {
        do { return try String(contentsOfFile: path, encoding: .utf8) } catch {
            switch (error as? CocoaError)?.code {
            case .fileNoSuchFile, .fileReadNoSuchFile: return ""
            case .fileReadNoPermission: throw .unavailable("\(path) cannot be read: permission denied")
            default: throw .unavailable("\(path) cannot be read: it is not UTF-8 text, or the disk fails")
            }
        }
    }

    /// `[name]`, `key = value`, comments by `#` or `;`. Indented lines belong to a nested value, which none of the
    /// keys that are used here has.
    static func sections(of text: String) -> [(name: String, values: [String: String])] {
        var sections: [(name: String, values: [String: String])] = []
        for line in text.split(whereSeparator: \.isNewline) {
            guard let first = line.first, !first.isWhitespace, first != "#", first != ";" else { continue }
            if first == "[", let end = line.firstIndex(of: "]") {
                let name = line[line.index(after: line.startIndex)..<end].split(separator: " ").joined(separator: " ")
                sections.append((name, [:]))
            } else if let equals = line.firstIndex(of: "="), !sections.isEmpty {
                let key = line[..<equals].filter { !$0.isWhitespace }.lowercased()
                let value = line[line.index(after: equals)...].split(separator: " ").joined(separator: " ")
                sections[sections.count - 1].values[key] = value
            }
        }
        return sections
    }
}
