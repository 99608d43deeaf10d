import Foundation
import KafkaClient
import Testing

/// AWS signatures against those that botocore makes; Fixtures/make_aws_signatures.py wrote them down.
@Suite struct AWSSignatureTests {
    struct Golden: Decodable {
        struct Connect: Decodable {
            var accessKeyID: String
            var secretAccessKey: String
            var sessionToken: String?
            var host: String
            var region: String
            var time: Double
            var query: [String: String]
        }

        struct Assumption: Decodable {
            var accessKeyID: String
            var secretAccessKey: String
            var sessionToken: String?
            var host: String
            var region: String
            var time: Double
            var body: String
            var authorization: String
        }

        var connects: [Connect]
        var assumptions: [Assumption]

        static func load() throws -> Golden {
            let file = try #require(Bundle.module.url(forResource: "Fixtures/aws_signatures", withExtension: "json"))
            return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
        }
    }

    @Test func `the payload of AWS_MSK_IAM carries the signature that botocore makes`() throws {
        let golden = try Golden.load().connects
        #expect(golden.count == 16)
        for expected in golden {
            let credentials = AWSCredentials(
                accessKeyID: expected.accessKeyID, secretAccessKey: expected.secretAccessKey,
                sessionToken: expected.sessionToken)

            let payload = MSKPayload(
                host: expected.host, region: expected.region, credentials: credentials, userAgent: "replicator",
                now: expected.time)

            var document = try JSONDecoder().decode([String: String].self, from: Data(payload.json))
            #expect(document.removeValue(forKey: "version") == "2020_10_22")
            #expect(document.removeValue(forKey: "host") == expected.host)
            #expect(document.removeValue(forKey: "user-agent") == "replicator")
            let query = expected.query.map { ($0.key.lowercased(), $0.value) }
            #expect(document == Dictionary(uniqueKeysWithValues: query))
        }
    }

    @Test func `a request to take on a role carries the signature that botocore makes`() throws {
        let golden = try Golden.load().assumptions
        #expect(golden.count == 4)
        for expected in golden {
            let credentials = AWSCredentials(
                accessKeyID: expected.accessKeyID, secretAccessKey: expected.secretAccessKey,
                sessionToken: expected.sessionToken)
            let signature = RequestSignature(credentials, service: "sts", region: expected.region, now: expected.time)
            var headers = [
                "content-type": "application/x-www-form-urlencoded; charset=utf-8", "host": expected.host,
                "x-amz-date": signature.time,
            ]
            headers["x-amz-security-token"] = expected.sessionToken

            let code = signature.signature(
                method: "POST", path: "/", query: [:], headers: headers, body: Array(expected.body.utf8))

            #expect(expected.authorization.hasSuffix("Signature=\(code)"))
            #expect(expected.authorization.contains("Credential=\(signature.credential),"))
        }
    }

    @Test(arguments: [
        ("b-1.demo.abc123.c2.kafka.eu-west-1.amazonaws.com", "eu-west-1"),
        ("b-1-public.demo.abc123.c2.kafka.us-east-2.amazonaws.com", "us-east-2"),
        ("boot-xyz.c3.kafka-serverless.us-east-1.amazonaws.com", "us-east-1"),
        ("b-2.kafka-orders.abc123.c4.kafka.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("kafka.example.com", nil), ("10.0.0.1", nil), ("kafka", nil),
    ])
    func `the region is read off the name of an MSK broker`(host: String, region: String?) {
        #expect(MSKPayload.region(inHost: host) == region)
    }

    @Test func `nothing shows the keys`() {
        let credentials = AWSCredentials(
            accessKeyID: "AKID", secretAccessKey: "hush", sessionToken: "hush", expiry: nil)
        let payload = MSKPayload(host: "h", region: "r", credentials: credentials, userAgent: "replicator", now: 0)
        let keys = AWSSettings.Keys(accessKeyID: "AKID", secretAccessKey: Secret("hush"), sessionToken: Secret("hush"))
        for text in ["\(credentials)", "\(payload)", "\(keys)"] { #expect(!text.contains("hush")) }
        for value in [credentials, payload, keys] as [Any] {
            var dumped = ""
            dump(value, to: &dumped)
            #expect(!dumped.contains("hush"))
            #expect(!String(reflecting: value).contains("hush"))
        }
    }
}
