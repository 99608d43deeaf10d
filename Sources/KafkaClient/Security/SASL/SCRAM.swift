package import CryptoPrimitives

/// The client's side of SCRAM (RFC 5802, RFC 7677) as brokers expect it: UTF-8 without SASLprep, no channel binding.
///
/// Both sides prove that they know the password without sending it. The last message must be checked, or anybody could
/// play the broker.
package struct SCRAMClient: Sendable {
    package enum Failure: Error, Hashable {
        case malformed(String)
        /// The broker's words for refusing.
        case refused(String)
        case wrongServerSignature
        case iterationsOutOfRange(Int)
        case nonceNotOurs
    }

    private enum Stage {
        case first
        case final(firstBare: String)
        case verify(signature: [UInt8])
        case done
    }

    private let hash: HashAlgorithm
    private let username: String
    private let password: String
    private let nonce: String
    private var stage = Stage.first

    /// A broker that asks for more would only keep us busy; Kafka's own limit is 16,384.
    private static let largestIterationCount = 200_000
    private static let smallestIterationCount = 4096

    /// - Parameter nonce: fresh printable randomness without commas.
    package init(_ hash: HashAlgorithm, username: String, password: String, nonce: String) {
        self.hash = hash
        self.username = username
        self.password = password
        self.nonce = nonce
    }

    /// The next message to send, given the broker's last (nil at the start); nil when the exchange has succeeded.
    package mutating func respond(to message: String?) throws(Failure) -> String? {
        switch stage {
        case .first:
            let bare = "n=\(escaped(username)),r=\(nonce)"
            stage = .final(firstBare: bare)
            return "n,,\(bare)"
        case .final(let firstBare):
            return try prove(serverFirst: message ?? "", firstBare: firstBare)
        case .verify(let signature):
            try verify(serverFinal: message ?? "", signature)
            stage = .done
            return nil
        case .done:
            throw .malformed("a message after the last")
        }
    }

    private mutating func prove(serverFirst: String, firstBare: String) throws(Failure) -> String {
        let fields = Self.fields(of: serverFirst)
        if let error = fields["e"] { throw .refused(error.shortened) }
        // RFC 5802, section 5.1: an extension that must be understood, and is not.
        guard fields["m"] == nil else { throw .malformed("it asks for an extension that is not known here") }
        guard let fullNonce = fields["r"], let salt = fields["s"].flatMap({ Base64.decode($0) }),
            let iterations = fields["i"].flatMap({ Int($0) })
        else { throw .malformed("nonce, salt or iteration count is missing") }
        guard fullNonce.hasPrefix(nonce), fullNonce != nonce else { throw .nonceNotOurs }
        guard (Self.smallestIterationCount...Self.largestIterationCount).contains(iterations) else {
            throw .iterationsOutOfRange(iterations)
        }

        let salted = hash.stretch(password: Array(password.utf8), salt: salt, iterations: iterations)
        let clientKey = hash.authenticationCode(key: salted, Array("Client Key".utf8))
        let withoutProof = "c=biws,r=\(fullNonce)"
        let exchanged = Array("\(firstBare),\(serverFirst),\(withoutProof)".utf8)
        let clientSignature = hash.authenticationCode(key: hash.digest(clientKey), exchanged)
        let proof = zip(clientKey, clientSignature).map { $0 ^ $1 }

        let serverKey = hash.authenticationCode(key: salted, Array("Server Key".utf8))
        stage = .verify(signature: hash.authenticationCode(key: serverKey, exchanged))
        return "\(withoutProof),p=\(Base64.encode(proof))"
    }

    private func verify(serverFinal: String, _ expected: [UInt8]) throws(Failure) {
        let fields = Self.fields(of: serverFinal)
        if let error = fields["e"] { throw .refused(error.shortened) }
        guard let signature = fields["v"].flatMap({ Base64.decode($0) }) else {
            throw .malformed("signature is missing")
        }
        guard signature.equalsInConstantTime(expected) else { throw .wrongServerSignature }
    }

    private func escaped(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1 == "=" ? "=3D" : $1 == "," ? "=2C" : String($1) }
    }

    private static func fields(of message: String) -> [Character: String] {
        var fields: [Character: String] = [:]
        for part in message.split(separator: ",") {
            guard let key = part.first, part.dropFirst().first == "=" else { continue }
            fields[key] = String(part.dropFirst(2))
        }
        return fields
    }
}

extension SCRAMClient.Failure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let what): "the broker's SCRAM message is malformed: \(what)"
        case .refused(let why): "the broker refused: \(why)"
        case .wrongServerSignature:
            "the broker could not prove that it knows the password; it is not the broker it claims to be, or the password differs"
        case .iterationsOutOfRange(let count): "the broker asks for \(count) iterations; 4,096 to 200,000 are accepted"
        case .nonceNotOurs: "the broker's nonce does not continue ours"
        }
    }
}

extension SCRAMClient: CustomReflectable {
    /// The password never shows itself.
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
