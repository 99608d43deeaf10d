internal import KafkaClient

/// `clusters.<name>.sasl`: credentials.
enum SASLSection {
    private enum Mechanism {
        case password(SASLSettings.PasswordMechanism)
        case oauthBearer
        case awsMSKIAM
    }

    static func parse(_ section: Section) -> SASLSettings? {
        var section = section
        defer { section.finish() }
        section.requires("mechanism")
        let mechanism = section.choice(
            "mechanism",
            [
                "PLAIN": Mechanism.password(.plain), "SCRAM-SHA-256": .password(.scramSHA256),
                "SCRAM-SHA-512": .password(.scramSHA512), "OAUTHBEARER": .oauthBearer, "AWS_MSK_IAM": .awsMSKIAM,
            ])
        switch mechanism {
        case .password(let mechanism):
            section.refuse(["tokenFile", "oauth", "aws"], "has no effect with mechanism \(mechanism.rawValue)")
            let username = section.required("username", "the user to authenticate as")
            let password = section.requiredSecret(
                "password", "better as ${env:NAME} or ${file:/path} than in the file")
            guard let username, let password else { return nil }
            return SASLSettings(mechanism: mechanism, username: username, password: password)
        case .oauthBearer:
            section.refuse(["username", "password", "aws"], "has no effect with mechanism OAUTHBEARER")
            return OAuthSection.parse(&section).map { .oauthBearer($0) }
        case .awsMSKIAM:
            section.refuse(
                ["username", "password", "tokenFile", "oauth"], "has no effect with mechanism AWS_MSK_IAM")
            return .awsMSKIAM(section.section("aws").map { AWSSection.parse($0) } ?? AWSSettings())
        case nil:
            // Without a mechanism nobody knows which of the others belong.
            section.refuse(["username", "password", "tokenFile", "oauth", "aws"], nil)
            if !section.keys.contains("mechanism") {
                section.report(
                    "missing required key \"mechanism\": PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM",
                    about: "mechanism")
            }
            return nil
        }
    }
}

/// `clusters.<name>.sasl.tokenFile` and `clusters.<name>.sasl.oauth`: where bearer tokens come from.
enum OAuthSection {
    static func parse(_ sasl: inout Section) -> OAuthSettings? {
        let file = sasl.string("tokenFile")
        var extensions: [String: String] = [:]
        var grant: OAuthSettings.ClientCredentials?
        var hasGrant = false
        if var section = sasl.section("oauth") {
            hasGrant = section.keys.contains { $0 != "extensions" }
            grant = hasGrant || file == nil ? clientCredentials(&section, isExcluded: file != nil) : nil
            extensions = Self.extensions(&section)
            if grant == nil { section.refuse(Self.grantKeys, nil) }
            section.finish()
        } else if file == nil, !sasl.keys.contains("oauth") {
            sasl.report(
                "OAUTHBEARER needs a token: set tokenFile, or oauth with tokenEndpoint, clientId and clientSecret",
                about: "mechanism")
        }
        var settings: OAuthSettings
        if let grant {
            settings = OAuthSettings(.clientCredentials(grant))
        } else if let file, !hasGrant {
            settings = OAuthSettings(.file(file))
        } else {
            return nil
        }
        settings.extensions = extensions
        return settings
    }

    private static let grantKeys = ["tokenEndpoint", "clientId", "clientSecret", "scope", "caFile", "headerUrlencode"]

    private static func clientCredentials(
        _ section: inout Section, isExcluded: Bool
    ) -> OAuthSettings.ClientCredentials? {
        if isExcluded {
            section.refuse(grantKeys, "has no effect with tokenFile; the token comes from one place")
            return nil
        }
        let endpoint = section.required("tokenEndpoint", "the https address that gives out tokens")
        let id = section.required("clientId", "the client that the token is for")
        let secret = section.requiredSecret(
            "clientSecret", "better as ${env:NAME} or ${file:/path} than in the file")
        let scope = section.string("scope")
        let caFile = section.string("caFile")
        let headerURLEncode = section.bool("headerUrlencode", default: false)
        guard let endpoint, let id, let secret else { return nil }
        guard let address = HTTPAddress(endpoint) else {
            // A user and a password in it stay out of logs.
            let shown = endpoint.contains("@") || endpoint.contains("?") ? "" : "\"\(endpoint)\" "
            section.report("\(shown)is not an https address", about: "tokenEndpoint")
            return nil
        }
        if !address.usesTLS {
            if !address.isLoopback {
                section.report("http would send the client's secret in the clear; use https", about: "tokenEndpoint")
            }
            section.refuse(["caFile"], "has no effect with an http address")
        }
        var grant = OAuthSettings.ClientCredentials(tokenEndpoint: address, clientID: id, clientSecret: secret)
        grant.scope = scope
        grant.caFile = caFile
        grant.headerURLEncode = headerURLEncode
        return grant
    }

    private static func extensions(_ section: inout Section) -> [String: String] {
        let extensions = section.texts("extensions") ?? [:]
        for (name, value) in extensions.sorted(by: { $0.key < $1.key }) {
            guard let problem = OAuthSettings.problem(withExtension: name, value: value) else { continue }
            section.report("\(name): \(problem)", about: "extensions")
        }
        return extensions
    }
}

/// `clusters.<name>.sasl.aws`: where AWS credentials come from.
enum AWSSection {
    static func parse(_ section: Section) -> AWSSettings {
        var section = section
        defer { section.finish() }
        var settings = AWSSettings()
        settings.region = section.string("region")
        settings.profile = section.string("profile")
        let id = section.string("accessKeyId")
        let key = section.secret("secretAccessKey")
        let token = section.secret("sessionToken")
        if let id, let key {
            settings.keys = AWSSettings.Keys(accessKeyID: id, secretAccessKey: key, sessionToken: token)
            section.refuse(["profile"], "has no effect with accessKeyId; remove one of them")
        } else if !(section.keys.contains("accessKeyId") && section.keys.contains("secretAccessKey")) {
            section.refuse(
                ["accessKeyId", "secretAccessKey", "sessionToken"], "accessKeyId and secretAccessKey belong together")
        }
        let roleARN = section.string("roleArn")
        let sessionName = section.string("roleSessionName", standard: roleARN == nil ? nil : "replicator")
        let externalID = section.string("externalId")
        if let roleARN {
            if !roleARN.hasPrefix("arn:") || !roleARN.contains(":role/") {
                section.report(
                    "\"\(roleARN)\" is not the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME", about: "roleArn")
            }
            settings.role = AWSSettings.Role(
                arn: roleARN, sessionName: sessionName ?? "replicator", externalID: externalID)
        } else {
            section.refuse(["roleSessionName", "externalId"], "has no effect without roleArn")
        }
        return settings
    }
}
