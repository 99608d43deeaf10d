import NIOHTTP1

/// AWS's service that hands out keys for a role: what is asked, and how the answer is read.
struct SecurityTokenService {
    private let address: HTTPAddress
    private let region: String

    /// - Parameter environment: `AWS_ENDPOINT_URL_STS` names another server.
    init(region: String, _ environment: [String: String]) throws(CredentialFailure) {
        let domain = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        let text = environment["AWS_ENDPOINT_URL_STS"] ?? "https://sts.\(region).\(domain)"
        guard let address = HTTPAddress(text) else {
            throw .refused("AWS_ENDPOINT_URL_STS \"\(text)\" is not an http or https address")
        }
        self.address = address
        self.region = region
    }

    /// - Parameter token: web identity (OIDC) token from a provider that AWS trusts.
    func assume(_ role: AWSSettings.Role, webIdentity token: String) -> HTTPRequest {
        post([
            ("Action", "AssumeRoleWithWebIdentity"), ("RoleArn", role.arn), ("RoleSessionName", role.sessionName),
            ("Version", "2011-06-15"), ("WebIdentityToken", token),
        ])
    }

    /// - Parameter now: seconds since 1970.
    func assume(_ role: AWSSettings.Role, by credentials: AWSCredentials, now: Double) -> HTTPRequest {
        var fields = [("Action", "AssumeRole"), ("RoleArn", role.arn), ("RoleSessionName", role.sessionName)]
        if let id = role.externalID { fields.append(("ExternalId", id)) }
        var request = post(fields + [("Version", "2011-06-15")])
        let signature = RequestSignature(credentials, service: "sts", region: region, now: now)
        var signed = [
            "content-type": Self.contentType, "host": address.authority, "x-amz-date": signature.time,
        ]
        if let token = credentials.sessionToken { signed["x-amz-security-token"] = token }
        let code = signature.signature(
            method: "POST", path: address.path, query: [:], headers: signed, body: request.body)
        for (name, value) in signed where name.hasPrefix("x-amz") { request.headers.append((name, value)) }
        request.headers.append(
            (
                "Authorization",
                "\(RequestSignature.algorithm) Credential=\(signature.credential), "
                    + "SignedHeaders=\(signed.keys.sorted().joined(separator: ";")), Signature=\(code)"
            ))
        return request
    }

    func credentials(
        in answer: HTTPAnswer, for role: AWSSettings.Role
    ) throws(CredentialFailure) -> AWSCredentials {
        let text = answer.text
        guard answer.status == 200 else {
            let words = [Self.element("Code", in: text), Self.element("Message", in: text)].compactMap { $0 }
                .map(\.shortened).joined(separator: ": ")
            let why = "\(role.arn) cannot be assumed: \(address) answers \(answer.status) \(words)"
            let isTransient = answer.status >= 500 || answer.status == 429 || words.contains("Throttl")
            throw isTransient ? .unavailable(why) : .refused(why)
        }
        guard let id = Self.element("AccessKeyId", in: text), let key = Self.element("SecretAccessKey", in: text),
            let token = Self.element("SessionToken", in: text), let expiry = Self.element("Expiration", in: text)
        else { throw .unavailable("\(address) answers without credentials; is it AWS's token service?") }
        return AWSCredentials(
            accessKeyID: id, secretAccessKey: key, sessionToken: token,
            expiry: try AWSCredentials.time(expiry, from: "\(address)"))
    }

    func failure(_ failure: HTTPFailure) -> CredentialFailure {
        let why = "\(address): \(failure.text)"
        return failure.isTransient ? .unavailable(why) : .refused(why)
    }

    private static let contentType = "application/x-www-form-urlencoded; charset=utf-8"

    private func post(_ fields: [(name: String, value: String)]) -> HTTPRequest {
        let form = fields.map { "\($0.name)=\($0.value.percentEncoded)" }.joined(separator: "&")
        return HTTPRequest(
            method: .POST, address: address, headers: [("Content-Type", Self.contentType)], body: Array(form.utf8))
    }

    /// The text of an element that occurs once and holds nothing but text, which is all that these answers have.
    static func element(_ name: String, in document: String) -> String? {
        guard let start = document.firstRange(of: "<\(name)>"),
            let end = document[start.upperBound...].firstRange(of: "</\(name)>")
        else { return nil }
        let text = String(document[start.upperBound..<end.lowerBound])
        return [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
            .reduce(text) { $0.replacing($1.0, with: $1.1) }
    }
}

extension HTTPAddress {
    fileprivate var path: String { String(target.prefix { $0 != "?" }) }
}
