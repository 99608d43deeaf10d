import CryptoPrimitives
import KafkaWire

/// AWS_MSK_IAM: the client signs the wish to connect with its access key, as AWS signs its requests (SigV4), and the
/// secret itself never travels.
///
/// Access keys come from the login module's options: `secret_ID="…"`, `principal_ID="arn:aws:iam::…"` and, for keys
/// that go with a session token, `token_ID="…"`.
struct MSKIAMVerifier: Sendable {
    private struct AccessKey: Sendable {
        let secret: Secret
        let principal: String
        let token: Secret?
    }

    private let keys: [ExactName: AccessKey]

    init(_ settings: ListenerProperties, _ options: [ExactName: Secret]) throws(BrokerError) {
        var keys: [ExactName: AccessKey] = [:]
        for (option, secret) in options where option.text.hasPrefix("secret_") {
            let id = String(option.text.dropFirst(7))
            keys[id] = AccessKey(
                secret: secret, principal: options["principal_\(id)"]?.reveal() ?? id, token: options["token_\(id)"])
        }
        guard !keys.isEmpty else {
            throw settings.refusal(
                "sasl.jaas.config",
                "listener \(settings.listener) offers AWS_MSK_IAM and knows no access key: set listener.name."
                    + "\(settings.listener.lowercased()).aws_msk_iam.sasl.jaas.config to software.amazon.msk.auth.iam."
                    + "IAMLoginModule required secret_ID=\"…\" principal_ID=\"arn:…\";")
        }
        self.keys = keys
    }

    /// - Parameters:
    ///   - hosts: the names under which the client may have reached this node.
    ///   - now: milliseconds since 1970.
    func verify(_ payload: [UInt8], hosts: Set<String>, now: Int64) throws(SASLFailure) -> SASLIdentity {
        func refused(_ reason: String) -> SASLFailure { .invalidCredentials(.mskIAM, reason: reason) }
        guard let fields = JSONValue.object(in: payload)?.compactMapValues(\.text) else {
            throw refused("the payload is not JSON")
        }
        func field(_ name: String) throws(SASLFailure) -> String {
            guard let value = fields[name] else { throw refused("the payload lacks \(name)") }
            return value
        }
        guard try field("version") == Self.version, try field("action") == "kafka-cluster:Connect",
            try field("x-amz-algorithm") == "AWS4-HMAC-SHA256", try field("x-amz-signedheaders") == "host"
        else { throw refused("the payload is of another version, action or algorithm") }
        let host = try field("host")
        guard hosts.contains(host) else { throw refused("signed for the host \(host)") }
        let scope = try field("x-amz-credential").split(separator: "/", omittingEmptySubsequences: false).map(
            String.init)
        let date = try field("x-amz-date")
        guard scope.count == 5, scope[3] == "kafka-cluster", scope[4] == "aws4_request", date.hasPrefix(scope[1]) else {
            throw refused("the credential's scope is not kafka-cluster's")
        }
        let expires = try field("x-amz-expires")
        guard let signedAt = Self.milliseconds(date), let life = Int64(expires), (1...900).contains(life) else {
            throw refused("the date or expiry is malformed")
        }
        guard signedAt - Self.clockSkew <= now, now < signedAt + life * 1000 else {
            throw refused("the signature has expired, or the clocks differ")
        }
        guard let key = keys[scope[0]] else { throw refused("no such access key") }
        let token = fields["x-amz-security-token"]
        guard token.map({ Array($0.utf8) })?.equalsInConstantTime(key.token?.bytes ?? []) ?? (key.token == nil) else {
            throw refused("wrong session token")
        }

        var query = [
            ("Action", "kafka-cluster:Connect"), ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", scope.joined(separator: "/")), ("X-Amz-Date", date), ("X-Amz-Expires", expires),
        ]
        if let token { query.append(("X-Amz-Security-Token", token)) }
        query.append(("X-Amz-SignedHeaders", "host"))
        let hash = HashAlgorithm.sha256
        let request = [
            "GET", "/", query.map { "\($0)=\(Self.escaped($1))" }.joined(separator: "&"), "host:\(host)", "", "host",
            hash.digest([]).hexadecimal,
        ].joined(separator: "\n")
        let toSign = [
            "AWS4-HMAC-SHA256", date, scope.dropFirst().joined(separator: "/"),
            hash.digest(Array(request.utf8)).hexadecimal,
        ].joined(separator: "\n")
        var signingKey = Array("AWS4".utf8) + key.secret.bytes
        for part in scope.dropFirst() { signingKey = hash.authenticationCode(key: signingKey, Array(part.utf8)) }
        let expected = hash.authenticationCode(key: signingKey, Array(toSign.utf8)).hexadecimal
        guard Array(expected.utf8).equalsInConstantTime(Array(try field("x-amz-signature").utf8)) else {
            throw refused("wrong signature")
        }
        return SASLIdentity(principal: Principal(user: key.principal))
    }

    fileprivate static let version = "2020_10_22"
    private static let clockSkew: Int64 = 300_000

    /// Percent-encoding as SigV4 has it: everything but the unreserved characters.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + [byte].hexadecimal.uppercased()
            }
        }
        return result
    }

    /// Reads `20261124T182153Z`.
    private static func milliseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            guard bytes[range].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
            return bytes[range].reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        }
        guard let year = number(0..<4), let month = number(4..<6), let day = number(6..<8), let hour = number(9..<11),
            let minute = number(11..<13), let second = number(13..<15), (1...12).contains(month),
            (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        // Days since 1970 of the civil calendar, counted in years that begin in March.
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000
    }
}

/// One client's authentication with its access key: a single message.
struct MSKIAMExchange: SASLExchange {
    let verifier: MSKIAMVerifier
    let hosts: Set<String>
    /// Milliseconds since 1970.
    let now: () -> Int64

    func respond(to message: [UInt8]) throws(SASLFailure) -> SASLStep {
        let identity = try verifier.verify(message, hosts: hosts, now: now())
        let answer = "{\"version\":\"\(MSKIAMVerifier.version)\",\"request-id\":\"\(KafkaUUID.random().hyphenated)\"}"
        return .success(Array(answer.utf8), identity)
    }
}
