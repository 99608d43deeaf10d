import CryptoPrimitives

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A user's credential for SCRAM, or one made up for a name that nobody has.
package struct SCRAMAccount {
    let credential: SCRAMCredential
    let exists: Bool
}

/// Credentials for users that do not exist, from a secret of the cluster.
///
/// Each looks like that of a real user: what can be seen of it, the length and alphabet of the salt and the iterations,
/// are those of one of them, drawn by the name. For one name they are the same each time, and stay the same when other
/// users come or go, unless it was the very one that was drawn.
struct SCRAMDecoys {
    /// The part of a credential that a client sees, but for the salt's own bytes.
    struct Shape: Hashable {
        var saltLength: Int
        /// True if the salt is text of digits and small letters, as Kafka's own tools make it.
        var isText: Bool
        var iterations: Int

        init(_ credential: SCRAMCredential) {
            saltLength = credential.salt.count
            isText = credential.salt.allSatisfy { Self.alphabet.contains($0) }
            iterations = credential.iterations
        }

        /// Shape for users who are known from the start.
        static let initial = Shape(
            SCRAMCredential(
                salt: [UInt8](repeating: 0, count: 16), storedKey: [], serverKey: [],
                iterations: SCRAMCredential.permittedIterations.lowerBound))

        static let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)
    }

    private let secret: [UInt8]

    init(secret: [UInt8]) {
        self.secret = secret
    }

    /// The secret as the journal keeps it.
    var text: String { Base64.encode(secret) }

    /// - Parameter shapes: of the users that there are, with their number.
    func account(_ user: String, _ mechanism: SASLMechanism, among shapes: [Shape: Int]) -> SCRAMAccount {
        let shape = shapes.max { score($0, user, mechanism) < score($1, user, mechanism) }?.key ?? .initial
        let size = (mechanism.scramHash ?? .sha512).byteCount
        return SCRAMAccount(
            credential: SCRAMCredential(
                salt: salt(user, mechanism, shape), storedKey: bytes("stored key", user, mechanism, count: size),
                serverKey: bytes("server key", user, mechanism, count: size), iterations: shape.iterations),
            exists: false)
    }

    /// The salt of a user that is known from the start, or made up: the two are the same after a restart.
    func salt(_ user: String, _ mechanism: SASLMechanism, _ shape: Shape = .initial) -> [UInt8] {
        let salt = bytes("salt", user, mechanism, count: shape.saltLength)
        return shape.isText ? salt.map { Shape.alphabet[Int($0) % Shape.alphabet.count] } : salt
    }

    /// Weighted rendezvous hashing: the largest score wins, and each shape does as often as it has users.
    private func score(_ entry: (key: Shape, value: Int), _ user: String, _ mechanism: SASLMechanism) -> Double {
        let shape = entry.key
        let purpose = "shape \(shape.saltLength) \(shape.isText) \(shape.iterations)"
        let dice = bytes(purpose, user, mechanism, count: 8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Double(entry.value) / -log2((Double(dice >> 11) + 0.5) / 0x1p53)
    }

    private func bytes(_ purpose: String, _ user: String, _ mechanism: SASLMechanism, count: Int) -> [UInt8] {
        var result: [UInt8] = []
        var block = 0
        while result.count < count {
            let message = Array("\(purpose)\0\(mechanism.rawValue)\0\(block)\0\(user)".utf8)
            result += HashAlgorithm.sha256.authenticationCode(key: secret, message)
            block += 1
        }
        return Array(result.prefix(count))
    }
}
