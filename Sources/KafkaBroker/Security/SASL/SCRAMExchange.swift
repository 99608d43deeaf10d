import CryptoPrimitives

/// The broker's side of SCRAM (RFC 5802, RFC 7677), without channel binding, as Kafka has it.
///
/// A user that does not exist is led to the end with made-up credentials, so that nobody learns which users there are.
struct SCRAMExchange: SASLExchange {
    private enum Stage {
        case first
        case final(user: String, account: SCRAMAccount, nonce: String, exchanged: String, binding: String)
        case done
    }

    private let mechanism: SASLMechanism
    private let hash: HashAlgorithm
    private let lookUp: (String) -> SCRAMAccount
    private let serverNonce: String
    private var stage = Stage.first

    /// - Parameters:
    ///   - serverNonce: fresh printable randomness without commas.
    ///   - lookUp: what is known of a user, or made up.
    init(
        _ mechanism: SASLMechanism, _ hash: HashAlgorithm, serverNonce: String,
        lookUp: @escaping (String) -> SCRAMAccount
    ) {
        self.mechanism = mechanism
        self.hash = hash
        self.serverNonce = serverNonce
        self.lookUp = lookUp
    }

    mutating func respond(to message: [UInt8]) throws(SASLFailure) -> SASLStep {
        guard let text = String(validating: message, as: UTF8.self) else { throw malformed("not UTF-8") }
        switch stage {
        case .first: return try begin(text)
        case .final(let user, let account, let nonce, let exchanged, let binding):
            stage = .done
            return try verify(text, user, account, nonce: nonce, exchanged: exchanged, binding: binding)
        case .done: throw malformed("a message after the last")
        }
    }

    /// `n,[a=authzid],n=user,r=nonce[,extensions]`
    private mutating func begin(_ text: String) throws(SASLFailure) -> SASLStep {
        let parts = text.split(separator: ",", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "n" else { throw malformed("no such channel binding") }
        let authorizationID = parts[1].isEmpty ? "" : String(parts[1].dropFirst(2))
        guard parts[1].isEmpty || parts[1].hasPrefix("a=") else { throw malformed("authorization id") }
        let fields = parts[2].split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count >= 2, fields[0].hasPrefix("n="), fields[1].hasPrefix("r="), fields[1].count > 2 else {
            throw malformed("user or nonce is missing")
        }
        guard let user = Self.unescaped(fields[0].dropFirst(2)), !user.isEmpty else { throw malformed("user name") }
        guard !fields.dropFirst(2).contains("tokenauth=true") else {
            throw .invalidCredentials(mechanism, reason: "delegation tokens are not supported")
        }
        guard authorizationID.isEmpty || authorizationID.isExactly(user) else {
            throw SASLFailure(
                "Authentication failed: Client requested an authorization id that is different from username",
                reason: "foreign authorization id")
        }
        let nonce = fields[1].dropFirst(2) + serverNonce
        let account = lookUp(user)
        let answer =
            "r=\(nonce),s=\(Base64.encode(account.credential.salt)),i=\(account.credential.iterations)"
        stage = .final(
            user: user, account: account, nonce: String(nonce), exchanged: "\(parts[2]),\(answer)",
            binding: Base64.encode(Array("n,\(parts[1]),".utf8)))
        return .challenge(Array(answer.utf8))
    }

    /// `c=binding,r=nonce,p=proof`
    private func verify(
        _ text: String, _ user: String, _ account: SCRAMAccount, nonce: String, exchanged: String,
        binding: String
    ) throws(SASLFailure) -> SASLStep {
        guard let end = text.firstRange(of: ",p=") else { throw malformed("no proof") }
        let withoutProof = text[..<end.lowerBound]
        let fields = withoutProof.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count >= 2, fields[0] == "c=\(binding)" else { throw malformed("channel binding") }
        guard fields[1] == "r=\(nonce)" else { throw .invalidCredentials(mechanism, reason: "foreign nonce") }
        guard let proof = Base64.decode(text[end.upperBound...]), proof.count == hash.byteCount else {
            throw malformed("proof")
        }
        // All of it for a made-up account too: the answer takes as long.
        let credential = account.credential
        let message = Array("\(exchanged),\(withoutProof)".utf8)
        let signature = hash.authenticationCode(key: credential.storedKey, message)
        let clientKey = zip(proof, signature).map { $0 ^ $1 }
        let isRight = hash.digest(clientKey).equalsInConstantTime(credential.storedKey)
        guard isRight, account.exists else {
            throw .invalidCredentials(mechanism, reason: account.exists ? "wrong password" : "no such user")
        }
        let own = hash.authenticationCode(key: credential.serverKey, message)
        return .success(Array("v=\(Base64.encode(own))".utf8), SASLIdentity(principal: Principal(user: user)))
    }

    private func malformed(_ what: String) -> SASLFailure {
        .invalidCredentials(mechanism, reason: "malformed SCRAM message: \(what)")
    }

    private static func unescaped(_ name: Substring) -> String? {
        var result = ""
        var rest = name
        while let next = rest.popFirst() {
            guard next == "=" else {
                result.append(next)
                continue
            }
            switch rest.prefix(2) {
            case "2C": result += ","
            case "3D": result += "="
            default: return nil
            }
            rest.removeFirst(2)
        }
        return result
    }
}
