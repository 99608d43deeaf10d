internal import CryptoPrimitives
internal import KafkaClient
package import ReplicatorConfig

/// Values of `Authorization`.
package enum HTTPLogin {
    package static func basic(_ user: String, _ password: String) -> String {
        "Basic \(Base64.encode(Array("\(user):\(password)".utf8)))"
    }

    package static func bearer(_ token: String) -> String { "Bearer \(token)" }

    /// Login that is enough to read: a token if there is one, since it does not let anybody act.
    ///
    /// - Returns: nil where nobody has to log in to read.
    package static func reading(_ settings: HTTPAccessSettings.Authentication?) -> String? {
        guard let settings, !settings.anonymousMayRead else { return nil }
        for (_, secret) in settings.tokens.sorted(by: { $0.key < $1.key }) {
            if let token = try? secret.reveal(), !token.isEmpty { return bearer(token) }
        }
        for (user, secret) in settings.users.sorted(by: { $0.key < $1.key }) {
            if let password = try? secret.reveal(), !password.isEmpty { return basic(user, password) }
        }
        return nil
    }
}

extension ServerTrust {
    /// Accepts of an endpoint what its own configuration tells of it.
    package init(_ settings: HTTPAccessSettings.TLS) {
        self =
            settings.caFile.map { .authorities(file: $0, setting: "http.tls.caFile") }
            ?? .certificate(file: settings.certificateFile)
    }
}
