/// The SASL mechanisms that this broker has.
enum SASLMechanism: String, CaseIterable, Sendable, Hashable {
    case plain = "PLAIN"
    case scramSHA256 = "SCRAM-SHA-256"
    case scramSHA512 = "SCRAM-SHA-512"
    case oauthBearer = "OAUTHBEARER"
    case mskIAM = "AWS_MSK_IAM"

    /// The end of the login module's name in a JAAS configuration.
    var loginModule: String {
        switch self {
        case .plain: "PlainLoginModule"
        case .scramSHA256, .scramSHA512: "ScramLoginModule"
        case .oauthBearer: "OAuthBearerLoginModule"
        case .mskIAM: "IAMLoginModule"
        }
    }
}

/// The outcome of one message of an exchange.
enum SASLStep {
    /// Bytes for the client, which answers them.
    case challenge([UInt8])
    /// The client is who it says; the last bytes for it.
    case success([UInt8], SASLIdentity)
}

/// The identity of a client, as an exchange has found it.
struct SASLIdentity: Hashable {
    let principal: Principal
    /// Expiry of the client's credentials, in milliseconds since 1970.
    var expiry: Int64?
}

/// The reason why an exchange failed.
struct SASLFailure: Error, Hashable {
    /// The text for the client: never more than that it was refused.
    let message: String
    /// The text for the log.
    let reason: String

    init(_ message: String, reason: String) {
        self.message = message
        self.reason = reason
    }

    /// Kafka's words for whatever is wrong with credentials.
    static func invalidCredentials(_ mechanism: SASLMechanism, reason: String) -> SASLFailure {
        SASLFailure(
            "Authentication failed during authentication due to invalid credentials with SASL mechanism "
                + mechanism.rawValue, reason: reason)
    }
}

/// The broker's side of one authentication, without I/O.
protocol SASLExchange {
    /// Takes the client's next message.
    mutating func respond(to message: [UInt8]) throws(SASLFailure) -> SASLStep
}
