internal import FoundationEssentials

/// The message of AWS_MSK_IAM: a presigned request for `kafka-cluster:Connect` at the broker's host, as JSON.
package struct MSKPayload: Sendable {
    package let json: [UInt8]
    let accessKeyID: String
    /// The signed circumstances, for people: host, region and time.
    let circumstances: String

    /// The only version there is.
    private static let version = "2020_10_22"
    /// Seconds for which the signature holds; what Amazon's own library asks for.
    private static let validity = "900"

    /// - Parameters:
    ///   - host: the broker's name as it is connected to, without the port.
    ///   - userAgent: the software that connects, for audit logs.
    ///   - now: seconds since 1970.
    package init(
        host: String, region: String, credentials: AWSCredentials, userAgent: String, now: Double
    ) {
        let signature = RequestSignature(credentials, service: "kafka-cluster", region: region, now: now)
        var query = [
            "Action": "kafka-cluster:Connect", "X-Amz-Algorithm": RequestSignature.algorithm,
            "X-Amz-Credential": signature.credential, "X-Amz-Date": signature.time, "X-Amz-Expires": Self.validity,
            "X-Amz-SignedHeaders": "host",
        ]
        if let token = credentials.sessionToken { query["X-Amz-Security-Token"] = token }
        query["X-Amz-Signature"] = signature.signature(
            method: "GET", path: "/", query: query, headers: ["host": host])

        var document = ["version": Self.version, "host": host, "user-agent": userAgent]
        for (name, value) in query { document[name.lowercased()] = value }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(document) else {
            preconditionFailure("a dictionary of texts can be written as JSON")
        }
        json = Array(data)
        accessKeyID = credentials.accessKeyID
        circumstances = "for host \(host) in \(region) at \(WallTime.text(now))"
    }

    /// The region in an MSK broker's name, such as `b-1.demo.abc123.c2.kafka.eu-west-1.amazonaws.com` or
    /// `boot-abc.c3.kafka-serverless.us-east-1.amazonaws.com`; nil for other names.
    package static func region(inHost host: String) -> String? {
        let labels = host.lowercased().split(separator: ".").map(String.init)
        guard let service = labels.lastIndex(where: { $0 == "kafka" || $0.hasPrefix("kafka-") }),
            service + 2 < labels.count, labels[service + 2].hasPrefix("amazonaws")
        else { return nil }
        return labels[service + 1]
    }
}

extension MSKPayload: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID]) }
}
