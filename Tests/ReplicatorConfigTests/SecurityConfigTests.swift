import Foundation
import KafkaClient
import Replication
import ReplicatorConfig
import Testing

/// `tls` and `sasl` of a cluster.
@Suite struct SecurityConfigTests {
    private static func file(_ cluster: String) -> String {
        """
        clusters:
          east: {bootstrapServers: "127.0.0.1:9092"}
          west:
            bootstrapServers: "127.0.0.1:9192"
        \(cluster.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }.joined(separator: "\n"))
        flows: [{name: a, source: east, target: west, topics: {allow: [".*"]}}]
        """
    }

    private static func security(_ cluster: String) throws -> SecuritySettings {
        let config = try ConfigFile.parse(file(cluster), file: "replicator.yaml", environment: ["SECRET": "hush"])
        return try #require(config.flows.first).target.security
    }

    private static func problems(_ cluster: String) -> [String] {
        do {
            _ = try security(cluster)
            return []
        } catch let error as InvalidConfiguration {
            return error.problems.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }

    @Test func `a token endpoint is read with everything that belongs to it`() throws {
        let security = try Self.security(
            """
            securityProtocol: SASL_SSL
            sasl:
              mechanism: OAUTHBEARER
              oauth:
                tokenEndpoint: "https://id.example/token"
                clientId: replicator
                clientSecret: "${env:SECRET}"
                scope: kafka
                caFile: id.pem
                headerUrlencode: true
                extensions: {logicalCluster: lkc-1}
            """)
        guard case .oauthBearer(let oauth)? = security.sasl, case .clientCredentials(let grant) = oauth.source else {
            Issue.record("\(security)")
            return
        }
        #expect("\(grant.tokenEndpoint)" == "https://id.example/token")
        #expect(grant.clientID == "replicator")
        #expect(try grant.clientSecret.reveal() == "hush")
        #expect(grant.scope == "kafka")
        #expect(grant.caFile == "id.pem")
        #expect(grant.headerURLEncode)
        #expect(oauth.extensions == ["logicalCluster": "lkc-1"])
        #expect(!"\(security)".contains("hush"))
    }

    @Test func `a token may come from a file instead`() throws {
        let security = try Self.security(
            """
            securityProtocol: SASL_PLAINTEXT
            sasl: {mechanism: OAUTHBEARER, tokenFile: /run/token, oauth: {extensions: {a: b}}}
            """)
        guard case .oauthBearer(let oauth)? = security.sasl else {
            Issue.record("\(security)")
            return
        }
        #expect(oauth.source == .file("/run/token"))
        #expect(oauth.extensions == ["a": "b"])
    }

    @Test func `AWS_MSK_IAM needs nothing, and takes keys, a profile, a role`() throws {
        let bare = try Self.security("securityProtocol: SASL_SSL\nsasl: {mechanism: AWS_MSK_IAM}")
        let full = try Self.security(
            """
            securityProtocol: SASL_SSL
            sasl:
              mechanism: AWS_MSK_IAM
              aws:
                region: eu-west-1
                accessKeyId: AKID
                secretAccessKey: "${env:SECRET}"
                sessionToken: "t"
                roleArn: "arn:aws:iam::1:role/r"
                roleSessionName: me
                externalId: x
            """)
        let profile = try Self.security(
            "securityProtocol: SASL_SSL\nsasl: {mechanism: AWS_MSK_IAM, aws: {profile: work}}")

        #expect(bare.sasl == .awsMSKIAM(AWSSettings()))
        guard case .awsMSKIAM(let aws)? = full.sasl, case .awsMSKIAM(let named)? = profile.sasl else {
            Issue.record("\(full) \(profile)")
            return
        }
        #expect(aws.region == "eu-west-1")
        #expect(aws.keys?.accessKeyID == "AKID")
        #expect(try aws.keys?.secretAccessKey.reveal() == "hush")
        #expect(aws.role == AWSSettings.Role(arn: "arn:aws:iam::1:role/r", sessionName: "me", externalID: "x"))
        #expect(named.profile == "work")
        #expect(!"\(full)".contains("hush"))
    }

    @Test func `a key store and a certificate that holds its key are read`() throws {
        let store = try Self.security(
            "securityProtocol: SSL\ntls: {keystoreFile: me.p12, keystorePassword: \"${env:SECRET}\"}")
        let both = try Self.security("securityProtocol: SSL\ntls: {certificateFile: both.pem}")

        #expect(store.tls?.keystoreFile == "me.p12")
        #expect(try store.tls?.keystorePassword?.reveal() == "hush")
        #expect(both.tls?.certificateFile == "both.pem")
        #expect(both.tls?.keyFile == nil)
    }

    @Test func `a password in a file is read again when it is needed, and missed at once when it is not there`() throws
    {
        let path = FileManager.default.temporaryDirectory.appending(path: "password-\(UUID())").path()
        let cluster = """
            securityProtocol: SASL_SSL
            sasl: {mechanism: PLAIN, username: u, password: "${file:\(path)}"}
            """
        #expect(Self.problems(cluster).first?.contains("clusters.west.sasl.password: cannot read \(path)") == true)

        try Data("one\n".utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let security = try Self.security(cluster)
        guard case .password(.plain, "u", let password)? = security.sasl else {
            Issue.record("\(security)")
            return
        }
        #expect(try password.reveal() == "one")
        try Data("two\n".utf8).write(to: URL(filePath: path))
        #expect(try password.reveal() == "two")
    }

    @Test(arguments: [
        (
            "sasl: {mechanism: OAUTHBEARER}",
            "6:23: clusters.west.sasl.mechanism: OAUTHBEARER needs a token: set tokenFile, or oauth"
        ),
        (
            "sasl: {mechanism: OAUTHBEARER, tokenFile: t, oauth: {clientId: c}}",
            "clusters.west.sasl.oauth.clientId: has no effect with tokenFile; the token comes from one place"
        ),
        (
            "sasl: {mechanism: OAUTHBEARER, oauth: {tokenEndpoint: \"http://id.example/\", clientId: c, clientSecret: s}}",
            "http would send the client's secret in the clear; use https"
        ),
        (
            "sasl: {mechanism: OAUTHBEARER, oauth: {tokenEndpoint: id.example, clientId: c, clientSecret: s}}",
            "\"id.example\" is not an https address"
        ),
        (
            "sasl: {mechanism: OAUTHBEARER, tokenFile: t, oauth: {extensions: {auth: x}}}",
            "clusters.west.sasl.oauth.extensions: auth: \"auth\" is the token's own name"
        ),
        (
            "sasl: {mechanism: OAUTHBEARER, tokenFile: t, username: u}",
            "clusters.west.sasl.username: has no effect with mechanism OAUTHBEARER"
        ),
        (
            "sasl: {mechanism: PLAIN, username: u, password: p, aws: {}}",
            "clusters.west.sasl.aws: has no effect with mechanism PLAIN"
        ),
        ("sasl: {mechanism: AWS_MSK_IAM, aws: {accessKeyId: a}}", "accessKeyId and secretAccessKey belong together"),
        (
            "sasl: {mechanism: AWS_MSK_IAM, aws: {accessKeyId: a, secretAccessKey: b, profile: c}}",
            "clusters.west.sasl.aws.profile: has no effect with accessKeyId"
        ),
        ("sasl: {mechanism: AWS_MSK_IAM, aws: {externalId: a}}", "has no effect without roleArn"),
        ("sasl: {mechanism: AWS_MSK_IAM, aws: {roleArn: me}}", "\"me\" is not the ARN of a role"),
        ("sasl: {mechanism: AWS_MSK_IAM, aws: {regoin: x}}", "unknown key; did you mean \"region\"?"),
        ("sasl: {mechanism: aws_msk_iam}", "did you mean AWS_MSK_IAM?"),
        ("sasl: {username: u, password: p}", "missing required key \"mechanism\""),
        (
            "sasl: {mechanism: PLAIN, username: u, password: p}\ntls: {keystoreFile: a, keyFile: b}",
            "clusters.west.tls.keyFile: has no effect with keystoreFile"
        ),
        (
            "sasl: {mechanism: PLAIN, username: u, password: p}\ntls: {keystorePassword: a}",
            "clusters.west.tls.keystorePassword: has no effect without keystoreFile"
        ),
        (
            "sasl: {mechanism: PLAIN, username: u, password: p}\ntls: {keyFile: a}",
            "clusters.west.tls.keyFile: has no effect without certificateFile"
        ),
    ])
    func `what cannot work is refused with its place`(lines: String, expected: String) {
        let found = Self.problems("securityProtocol: SASL_SSL\n\(lines)")
        #expect(found.count == 1 && found[0].contains(expected), "\(found)")
    }

    @Test func `what a token endpoint needs is asked for`() {
        let found = Self.problems("securityProtocol: SASL_SSL\nsasl: {mechanism: OAUTHBEARER, oauth: {}}")
        for key in ["tokenEndpoint", "clientId", "clientSecret"] {
            #expect(
                found.contains { $0.contains("clusters.west.sasl.oauth: missing required key \"\(key)\"") }, "\(found)")
        }
    }
}
