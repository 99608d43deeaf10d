import KafkaWire

/// A listener's knowledge of its clients' credentials, mechanism by mechanism.
struct SASLListener: Sendable {
    /// The check of clients by one mechanism.
    enum Verifier: Sendable {
        case plain([ExactName: Secret])
        /// Users known from the start; altered credentials take precedence.
        case scram([ExactName: Secret])
        case oauthBearer(BearerTokenVerifier)
        case mskIAM(MSKIAMVerifier)
    }

    let verifiers: [SASLMechanism: Verifier]
    /// The mechanisms that the handshake tells, in the order of the settings.
    let mechanisms: [SASLMechanism]
    /// The longest that a session may last, in milliseconds; 0 for no limit.
    let maxSessionLifetime: [SASLMechanism: Int64]

    init(_ settings: ListenerProperties) throws(BrokerError) {
        var verifiers: [SASLMechanism: Verifier] = [:]
        var mechanisms: [SASLMechanism] = []
        var lifetimes: [SASLMechanism: Int64] = [:]
        for name in settings.elements("sasl.enabled.mechanisms") {
            guard let mechanism = SASLMechanism(rawValue: name.uppercased()) else {
                throw settings.refusal(
                    "sasl.enabled.mechanisms",
                    "\"\(name)\" is not among \(SASLMechanism.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            guard verifiers[mechanism] == nil else { continue }
            verifiers[mechanism] = try Self.verifier(mechanism, settings)
            mechanisms.append(mechanism)
            lifetimes[mechanism] = try Self.lifetime(mechanism, settings)
        }
        guard !mechanisms.isEmpty else {
            throw settings.refusal(
                "sasl.enabled.mechanisms", "listener \(settings.listener) uses SASL: name its mechanisms, such as PLAIN"
            )
        }
        self.verifiers = verifiers
        self.mechanisms = mechanisms
        maxSessionLifetime = lifetimes
    }

    private static func verifier(
        _ mechanism: SASLMechanism, _ settings: ListenerProperties
    ) throws(BrokerError) -> Verifier {
        let options = try options(mechanism, settings)
        switch mechanism {
        case .plain:
            let users = users(in: options)
            guard !users.isEmpty else {
                throw settings.refusal(
                    "sasl.jaas.config",
                    "listener \(settings.listener) offers PLAIN and knows no user: set listener.name."
                        + "\(settings.listener.lowercased()).plain.sasl.jaas.config to org.apache.kafka.common."
                        + "security.plain.PlainLoginModule required user_NAME=\"password\";")
            }
            return .plain(users)
        case .scramSHA256, .scramSHA512: return .scram(users(in: options))
        case .oauthBearer: return .oauthBearer(try BearerTokenVerifier(settings, options))
        case .mskIAM: return .mskIAM(try MSKIAMVerifier(settings, options))
        }
    }

    /// The options of the mechanism's login module: the listener's and mechanism's own configuration comes first.
    private static func options(
        _ mechanism: SASLMechanism, _ settings: ListenerProperties
    ) throws(BrokerError) -> [ExactName: Secret] {
        let own = settings.own("sasl.jaas.config", mechanism: mechanism.rawValue)
        guard let text = own ?? settings["sasl.jaas.config"] else { return [:] }
        guard let config = JAASConfig(parsing: text) else {
            throw settings.refusal(
                "sasl.jaas.config",
                "the configuration for \(mechanism.rawValue) is not of the form: LoginModule required key=\"value\";")
        }
        if own != nil, config.options(for: mechanism) == nil {
            throw settings.refusal(
                "sasl.jaas.config", "the configuration for \(mechanism.rawValue) names no \(mechanism.loginModule)")
        }
        return config.options(for: mechanism) ?? [:]
    }

    private static func users(in options: [ExactName: Secret]) -> [ExactName: Secret] {
        var users: [ExactName: Secret] = [:]
        for (key, value) in options {
            // By its bytes: the name may begin with what joins the character before it.
            guard let name = key.text.utf8.starts(with: "user_".utf8) ? key.text.utf8.dropFirst(5) : nil else {
                continue
            }
            users[String(decoding: name, as: UTF8.self)] = value
        }
        return users
    }

    private static func lifetime(
        _ mechanism: SASLMechanism, _ settings: ListenerProperties
    ) throws(BrokerError) -> Int64 {
        let key = "connections.max.reauth.ms"
        guard let text = settings.own(key, mechanism: mechanism.rawValue) ?? settings[key] else { return 0 }
        guard let number = Int64(text.trimmed) else {
            throw settings.refusal(key, "\"\(text)\" is not a number of milliseconds")
        }
        return max(number, 0)
    }
}
