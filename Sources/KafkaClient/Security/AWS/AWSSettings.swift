/// The source of the AWS credentials for AWS_MSK_IAM.
///
/// Without keys or a profile they are looked for where AWS's own tools look: environment, web identity, shared files,
/// container, instance.
public struct AWSSettings: Sendable, Hashable {
    /// Keys in the configuration.
    public struct Keys: Sendable, Hashable {
        public var accessKeyID: String
        public var secretAccessKey: Secret
        public var sessionToken: Secret?

        public init(accessKeyID: String, secretAccessKey: Secret, sessionToken: Secret? = nil) {
            self.accessKeyID = accessKeyID
            self.secretAccessKey = secretAccessKey
            self.sessionToken = sessionToken
        }
    }

    /// A role to take on with the credentials found.
    public struct Role: Sendable, Hashable {
        public var arn: String
        public var sessionName: String
        public var externalID: String?

        public init(arn: String, sessionName: String = ClientIdentity().name, externalID: String? = nil) {
            self.arn = arn
            self.sessionName = sessionName
            self.externalID = externalID
        }
    }

    /// Nil: from the broker's host name, else the environment, else the profile.
    public var region: String?
    public var keys: Keys?
    /// A profile of the shared files; excludes `keys`.
    public var profile: String?
    public var role: Role?

    public init() {}
}
