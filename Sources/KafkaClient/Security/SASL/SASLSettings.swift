/// The SASL mechanism, and the credentials for it.
public enum SASLSettings: Sendable, Hashable {
    /// The mechanisms that take a user name and a password.
    public enum PasswordMechanism: String, Sendable, Hashable, CaseIterable {
        case plain = "PLAIN"
        case scramSHA256 = "SCRAM-SHA-256"
        case scramSHA512 = "SCRAM-SHA-512"
    }

    case password(PasswordMechanism, username: String, password: Secret)
    case oauthBearer(OAuthSettings)
    case awsMSKIAM(AWSSettings)

    public init(mechanism: PasswordMechanism, username: String, password: Secret) {
        self = .password(mechanism, username: username, password: password)
    }

    /// The mechanism's name as brokers know it.
    public var mechanism: String {
        switch self {
        case .password(let mechanism, _, _): mechanism.rawValue
        case .oauthBearer: "OAUTHBEARER"
        case .awsMSKIAM: "AWS_MSK_IAM"
        }
    }
}
