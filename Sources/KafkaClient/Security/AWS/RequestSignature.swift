import CryptoPrimitives

/// Signs requests with AWS's signature version 4.
package struct RequestSignature: Sendable {
    package static let algorithm = "AWS4-HMAC-SHA256"

    private let credentials: AWSCredentials
    private let service: String
    private let region: String
    /// `20260131T120000Z`
    package let time: String

    /// - Parameter now: seconds since 1970; AWS refuses what is more than a few minutes off.
    package init(_ credentials: AWSCredentials, service: String, region: String, now: Double) {
        self.credentials = credentials
        self.service = service
        self.region = region
        time = WallTime.compactText(now)
    }

    private var scope: String { "\(time.prefix(8))/\(region)/\(service)/aws4_request" }

    /// Access key and scope of the signature.
    package var credential: String { "\(credentials.accessKeyID)/\(scope)" }

    /// The signature of a request with an empty or given body.
    ///
    /// - Parameters:
    ///   - query: parameters, not yet encoded.
    ///   - headers: those that are signed, by lower-case name.
    package func signature(
        method: String, path: String, query: [String: String], headers: [String: String], body: [UInt8] = []
    ) -> String {
        let parameters = query.map { (name: $0.key.percentEncoded, value: $0.value.percentEncoded) }
            .sorted { $0.name < $1.name }.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        let names = headers.keys.sorted()
        let canonical = [
            method, path, parameters, names.map { "\($0):\(headers[$0] ?? "")\n" }.joined(),
            names.joined(separator: ";"), HashAlgorithm.sha256.digest(body).hexadecimal,
        ].joined(separator: "\n")
        let digest = HashAlgorithm.sha256.digest(Array(canonical.utf8)).hexadecimal
        let text = "\(Self.algorithm)\n\(time)\n\(scope)\n\(digest)"
        return HashAlgorithm.sha256.authenticationCode(key: key, Array(text.utf8)).hexadecimal
    }

    /// Derived for each day, region and service.
    private var key: [UInt8] {
        [String(time.prefix(8)), region, service, "aws4_request"]
            .reduce(Array("AWS4\(credentials.secretAccessKey)".utf8)) { key, part in
                HashAlgorithm.sha256.authenticationCode(key: key, Array(part.utf8))
            }
    }
}
