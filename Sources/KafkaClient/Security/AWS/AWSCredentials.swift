internal import FoundationEssentials

/// Keys to sign with, as they are at the moment.
package struct AWSCredentials: Sendable {
    package var accessKeyID: String
    package var secretAccessKey: String
    /// Belongs to keys that end.
    package var sessionToken: String?
    /// Seconds since 1970; nil for keys that do not end.
    package var expiry: Double?

    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, expiry: Double? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiry = expiry
    }
}

extension AWSCredentials: CustomStringConvertible, CustomReflectable {
    package var description: String { "keys of \(accessKeyID)" }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension AWSCredentials {
    /// The form in which container and instance metadata hand out keys.
    private struct Document: Decodable {
        var Code: String?
        var Message: String?
        var AccessKeyId: String?
        var SecretAccessKey: String?
        var Token: String?
        var Expiration: String?
    }

    /// - Parameter source: who sent the document, for the error.
    init(metadata bytes: [UInt8], from source: String) throws(CredentialFailure) {
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(bytes)) else {
            throw .unavailable("\(source) sent credentials that are no JSON document of the expected form")
        }
        if let code = document.Code, code != "Success" {
            throw .unavailable("\(source) has no credentials: \(code.shortened) \((document.Message ?? "").shortened)")
        }
        guard let id = document.AccessKeyId, let key = document.SecretAccessKey else {
            throw .unavailable("\(source) sent credentials without AccessKeyId or SecretAccessKey")
        }
        let expiry = try document.Expiration.map { text throws(CredentialFailure) in
            try Self.time(text, from: source)
        }
        self.init(accessKeyID: id, secretAccessKey: key, sessionToken: document.Token, expiry: expiry)
    }

    /// Seconds since 1970.
    static func time(_ text: String, from source: String) throws(CredentialFailure) -> Double {
        let formats = [Date.ISO8601FormatStyle(), Date.ISO8601FormatStyle(includingFractionalSeconds: true)]
        for format in formats {
            if let date = try? format.parse(text) { return date.timeIntervalSince1970 }
        }
        throw .unavailable("\(source) sent credentials with an Expiration that is no time")
    }
}
