import CryptoPrimitives
internal import FoundationEssentials
import NIOHTTP1

/// The client-credentials grant (RFC 6749, section 4.4): what is asked, and how the answer is read.
struct TokenEndpoint {
    private let settings: OAuthSettings.ClientCredentials
    private let clientSecret: String

    /// Reads the secret.
    init(_ settings: OAuthSettings.ClientCredentials) throws(CredentialFailure) {
        self.settings = settings
        do { clientSecret = try settings.clientSecret.reveal() } catch { throw .unavailable("\(error)") }
    }

    var request: HTTPRequest {
        var form = "grant_type=client_credentials"
        if let scope = settings.scope { form += "&scope=\(scope.percentEncoded)" }
        let headers = [
            ("Authorization", "Basic \(encodedCredentials)"),
            ("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"),
        ]
        return HTTPRequest(
            method: .POST, address: settings.tokenEndpoint, headers: headers, body: Array(form.utf8))
    }

    private var encodedCredentials: String {
        let id = settings.headerURLEncode ? settings.clientID.percentEncoded : settings.clientID
        let secret = settings.headerURLEncode ? clientSecret.percentEncoded : clientSecret
        return Base64.encode(Array("\(id):\(secret)".utf8))
    }

    /// RFC 6749, sections 5.1 and 5.2.
    private struct Answer: Decodable {
        var token: String?
        var lifetime: Double?
        var error: String?
        var errorDescription: String?

        private enum Key: String, CodingKey {
            case access_token, expires_in, error, error_description
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: Key.self)
            token = try values.decodeIfPresent(String.self, forKey: .access_token)
            // A number, which some servers write as text.
            lifetime =
                (try? values.decodeIfPresent(Double.self, forKey: .expires_in))
                ?? (try? values.decodeIfPresent(String.self, forKey: .expires_in)).flatMap { Double($0) }
            error = try? values.decodeIfPresent(String.self, forKey: .error)
            errorDescription = try? values.decodeIfPresent(String.self, forKey: .error_description)
        }
    }

    /// The token in an answer, or why there is none, in words that hold no secret.
    ///
    /// - Parameter asked: when the request went out, in seconds since 1970: the token was issued no sooner.
    func token(in answer: HTTPAnswer, asked: Double) throws(CredentialFailure) -> OAuthToken {
        let document = try? JSONDecoder().decode(Answer.self, from: Data(answer.body))
        guard (200...299).contains(answer.status) else { throw failure(answer.status, document) }
        guard let document else { throw said(.refused("its answer is no JSON document of the expected form")) }
        guard let text = document.token else { throw said(.refused("its answer has no access_token")) }
        do throws(CredentialFailure) {
            return try OAuthToken(text, lifetime: document.lifetime, now: asked)
        } catch {
            throw said(error)
        }
    }

    func failure(_ failure: HTTPFailure) -> CredentialFailure {
        said(failure.isTransient ? .unavailable(failure.text) : .refused(failure.text))
    }

    private func failure(_ status: Int, _ document: Answer?) -> CredentialFailure {
        var words = [document?.error, document?.errorDescription].compactMap { $0 }.filter { !$0.isEmpty }
            .map { $0.hiding(clientSecret, encodedCredentials).shortened }.joined(separator: ": ")
        if words.isEmpty { words = "no reason given" }
        switch status {
        case 408, 425, 429, 500...599: return said(.unavailable("it answers \(status): \(words)"))
        case 300...399: return said(.refused("it answers \(status); redirections are not followed"))
        case 401: return said(.refused("it does not accept client \"\(settings.clientID)\" (401): \(words)"))
        case 404: return said(.refused("it answers 404: nothing is served under this address"))
        default: return said(.refused("it answers \(status): \(words)"))
        }
    }

    private func said(_ failure: CredentialFailure) -> CredentialFailure {
        failure.prefixed("token endpoint \(settings.tokenEndpoint)")
    }
}

extension String {
    /// Everything but RFC 3986's unreserved characters as `%XX`, which is also what AWS signs.
    var percentEncoded: String {
        utf8.reduce(into: "") { text, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "%" + [byte].hexadecimal.uppercased()
            }
        }
    }
}
