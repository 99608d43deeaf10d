import Foundation
import KafkaClient
import NIOCore
import NIOHTTP1
import NIOPosix
import TestSupport
import Testing

/// Where AWS credentials are found, with servers and files of our own in place of AWS.
@Suite struct AWSCredentialTests {
    static let host = "b-1.demo.abc123.c2.kafka.eu-west-1.amazonaws.com"

    /// A chain that sees nothing of this machine.
    static func found(
        _ environment: [String: String] = [:], timeout: Duration = .seconds(5),
        _ change: (inout AWSSettings) -> Void = { _ in }
    ) async throws -> AWSCredentials {
        var settings = AWSSettings()
        change(&settings)
        let nowhere = ["HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"]
        let chain = AWSCredentialChain(
            settings, environment: nowhere.merging(environment) { $1 }, sessionName: "replicator",
            on: MultiThreadedEventLoopGroup.singleton.next(), timeout: timeout, now: { 1_769_862_896 })
        return try await chain.credentials(for: host).get()
    }

    static func failure(
        _ environment: [String: String] = [:], timeout: Duration = .seconds(5),
        _ change: (inout AWSSettings) -> Void = { _ in }
    ) async throws -> CredentialFailure {
        do {
            _ = try await found(environment, timeout: timeout, change)
        } catch let failure as CredentialFailure {
            return failure
        }
        try #require(Bool(false), "credentials were found")
        throw CancellationError()
    }

    static let keysOfEnvironment = ["AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "env"]

    static func document(_ id: String) -> String {
        """
        {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "\(id)", "SecretAccessKey": "hush",
         "Token": "temporary", "Expiration": "2026-01-31T18:00:00Z"}
        """
    }

    @Test func `keys in the configuration go before everything else`() async throws {
        let keys = try await Self.found(Self.keysOfEnvironment) {
            $0.keys = AWSSettings.Keys(accessKeyID: "AKIDYAML", secretAccessKey: Secret("yaml"))
        }
        #expect(keys.accessKeyID == "AKIDYAML")
        #expect(keys.secretAccessKey == "yaml")
        #expect(keys.expiry == nil)
    }

    @Test func `the environment goes before files`() async throws {
        let keys = try await Self.found(Self.keysOfEnvironment.merging(["AWS_SESSION_TOKEN": "t"]) { $1 })
        #expect(keys.accessKeyID == "AKIDENV")
        #expect(keys.sessionToken == "t")
    }

    @Test func `a profile of the shared files is used, and read anew each time`() async throws {
        try await withFiles([
            "credentials": """
            # made by hand
            [default]
            aws_access_key_id = AKIDDEFAULT
            aws_secret_access_key = default
            [work]
            aws_access_key_id=AKIDWORK
            aws_secret_access_key=a=b
            aws_session_token = t
            """
        ]) { files in
            let environment = ["AWS_SHARED_CREDENTIALS_FILE": files["credentials"]]

            #expect(try await Self.found(environment).accessKeyID == "AKIDDEFAULT")
            let named = try await Self.found(environment.merging(Self.keysOfEnvironment) { $1 }) { $0.profile = "work" }
            #expect(named.accessKeyID == "AKIDWORK")
            #expect(named.secretAccessKey == "a=b")
            #expect(try await Self.found(environment.merging(["AWS_PROFILE": "work"]) { $1 }).sessionToken == "t")

            try files.write("[default]\naws_access_key_id = AKIDNEW\naws_secret_access_key = new", "credentials")
            #expect(try await Self.found(environment).accessKeyID == "AKIDNEW")
        }
    }

    @Test func `a profile that is not there or has nothing is named`() async throws {
        try await withFiles(["config": "[profile sso]\nsso_session = x"]) { files in
            let environment = ["AWS_CONFIG_FILE": files["config"]]
            let missing = try await Self.failure(environment) { $0.profile = "nope" }
            let empty = try await Self.failure(environment) { $0.profile = "sso" }

            #expect("\(missing)".contains("there is no AWS profile \\\"nope\\\""))
            #expect("\(empty)".contains("sso and credential_process are not supported"))
        }
    }

    @Test func `a profile may take on a role with the keys of another`() async throws {
        let sts = try await FakeHTTPServer { request in
            request.body.contains("Action=AssumeRole&") ? .reply(200, Self.assumed) : .reply(400, "")
        }
        try await withFiles([
            "config": """
            [profile base]
            aws_access_key_id = AKIDBASE
            aws_secret_access_key = base
            [profile role]
            role_arn = arn:aws:iam::1:role/reader
            source_profile = base
            external_id = x1
            [profile loop]
            role_arn = arn:aws:iam::1:role/reader
            source_profile = loop
            """
        ]) { files in
            let environment = ["AWS_CONFIG_FILE": files["config"], "AWS_ENDPOINT_URL_STS": sts.url]
            let keys = try await Self.found(environment) { $0.profile = "role" }
            let loop = try await Self.failure(environment) { $0.profile = "loop" }

            #expect(keys.accessKeyID == "ASIAROLE")
            #expect(keys.secretAccessKey == "role&secret")
            #expect(keys.expiry == 1_769_882_400)
            let request = try #require(sts.requests.first)
            #expect(
                request.body
                    == "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Freader&RoleSessionName=replicator&ExternalId=x1&Version=2011-06-15"
            )
            #expect(
                request.headers["Authorization"].first?.hasPrefix(
                    "AWS4-HMAC-SHA256 Credential=AKIDBASE/20260131/eu-west-1/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature="
                ) == true)
            #expect("\(loop)".contains("refers to itself"))
        }
        try await sts.stop()
    }

    @Test func `a web identity is exchanged for the keys of its role, which may take on another`() async throws {
        let sts = try await FakeHTTPServer { request in
            if request.body.hasPrefix("Action=AssumeRoleWithWebIdentity") {
                return .reply(200, Self.assumed.replacing("ASIAROLE", with: "ASIAWEB"))
            }
            return .reply(200, Self.assumed)
        }
        try await withFiles(["token": "eyJ.x.y\n"]) { files in
            let environment = [
                "AWS_WEB_IDENTITY_TOKEN_FILE": files["token"], "AWS_ROLE_ARN": "arn:aws:iam::1:role/pod",
                "AWS_ENDPOINT_URL_STS": sts.url,
            ]
            #expect(try await Self.found(environment).accessKeyID == "ASIAWEB")
            let keys = try await Self.found(environment) { $0.role = AWSSettings.Role(arn: "arn:aws:iam::2:role/far") }
            #expect(keys.accessKeyID == "ASIAROLE")
            #expect(sts.requests.first?.body.hasSuffix("&WebIdentityToken=eyJ.x.y") == true)
            #expect(sts.requests.last?.headers["x-amz-security-token"] == ["session"])
        }
        try await sts.stop()
    }

    @Test func `a role that may not be taken on is refused in AWS's words, and not asked for in vain`() async throws {
        let sts = try await FakeHTTPServer { _ in
            .reply(
                403,
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform &quot;sts:AssumeRole&quot;</Message></Error></ErrorResponse>"
            )
        }
        let failure = try await Self.failure(
            Self.keysOfEnvironment.merging(["AWS_ENDPOINT_URL_STS": sts.url]) { $1 }
        ) { $0.role = AWSSettings.Role(arn: "arn:aws:iam::1:role/r") }
        #expect(
            failure
                == .refused(
                    "arn:aws:iam::1:role/r cannot be assumed: \(sts.url)/ answers 403 AccessDenied: not authorized to perform \"sts:AssumeRole\""
                ))
        try await sts.stop()
    }

    @Test func `a container's service is asked with its token`() async throws {
        let service = try await FakeHTTPServer { request in
            request.headers["Authorization"] == ["let me in"]
                ? .reply(200, Self.document("ASIACONTAINER")) : .reply(403, "")
        }
        try await withFiles(["token": "let me in"]) { files in
            let address = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "\(service.url)/v2/credentials"]
            let token = ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": files["token"]]
            let keys = try await Self.found(address.merging(token) { $1 })
            let without = try await Self.failure(address)
            let elsewhere = try await Self.failure(
                ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://collector.example/"])

            #expect(keys.accessKeyID == "ASIACONTAINER")
            #expect(keys.sessionToken == "temporary")
            #expect(keys.expiry == 1_769_882_400)
            #expect(without == .unavailable("\(service.url)/v2/credentials answers 403"))
            #expect("\(elsewhere)".contains("neither https nor an address of this host"))
        }
        try await service.stop()
    }

    @Test func `the instance's service is asked by its second version`() async throws {
        let service = try await FakeHTTPServer { request in
            switch (request.method, request.target) {
            case (.PUT, "/latest/api/token"):
                return request.headers["X-aws-ec2-metadata-token-ttl-seconds"] == ["21600"]
                    ? .reply(200, "session-1") : .reply(400, "")
            case (.GET, let target) where request.headers["X-aws-ec2-metadata-token"] == ["session-1"]:
                let list = "/latest/meta-data/iam/security-credentials/"
                if target == list { return .reply(200, "node-role\n") }
                return target == list + "node-role" ? .reply(200, Self.document("ASIANODE")) : .reply(404, "")
            default: return .reply(401, "")
            }
        }
        let environment = [
            "AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": service.url,
        ]
        #expect(try await Self.found(environment).accessKeyID == "ASIANODE")
        try await service.stop()
    }

    @Test func `a machine without credentials is told where they were looked for`() async throws {
        let silent = try await FakeHTTPServer { _ in .silence }
        let off = try await Self.failure()
        let late = try await Self.failure(
            ["AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": silent.url],
            timeout: .milliseconds(100))

        #expect(
            off
                == .refused(
                    "no AWS credentials: no keys under sasl.aws, none in the environment, no profile \"default\" in /nonexistent/.aws/credentials and /nonexistent/.aws/config, no container, and instance metadata is switched off"
                ))
        guard case .unavailable(let why) = late else {
            Issue.record("\(late)")
            return
        }
        #expect(why.hasSuffix("instance metadata fails: \(silent.url)/latest/api/token: no answer within 0.1 seconds"))
        try await silent.stop()
    }

    @Test(arguments: [
        "", "[]", "{}", "{\"AccessKeyId\": 7}", "{\"Code\": \"Failed\", \"Message\": \"no role\"}",
        "{\"AccessKeyId\": \"a\", \"SecretAccessKey\": \"hush\", \"Expiration\": \"soon\"}",
    ])
    func `a service that answers nonsense is named`(body: String) async throws {
        let service = try await FakeHTTPServer { _ in .reply(200, body) }
        let failure = try await Self.failure(["AWS_CONTAINER_CREDENTIALS_FULL_URI": service.url])
        guard case .unavailable(let why) = failure else {
            Issue.record("\(failure)")
            return
        }
        #expect(why.hasPrefix(service.url))
        #expect(!why.contains("hush"))
        try await service.stop()
    }

    static let assumed = """
        <AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
        <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role&amp;secret</SecretAccessKey>
        <SessionToken>session</SessionToken><Expiration>2026-01-31T18:00:00Z</Expiration>
        </Credentials></AssumeRoleResult></AssumeRoleResponse>
        """
}
