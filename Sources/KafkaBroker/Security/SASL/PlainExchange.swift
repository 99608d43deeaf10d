import CryptoPrimitives
import KafkaWire

/// PLAIN (RFC 4616): the password itself, so that it belongs behind TLS.
struct PlainExchange: SASLExchange {
    let users: [ExactName: Secret]

    func respond(to message: [UInt8]) throws(SASLFailure) -> SASLStep {
        let parts = message.split(separator: 0, omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw SASLFailure(
                "Invalid SASL/PLAIN response: expected 3 tokens, got \(parts.count)", reason: "malformed PLAIN message")
        }
        let (authorizationID, name) = (
            String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self)
        )
        guard !name.isEmpty else {
            throw SASLFailure("Authentication failed: username not specified", reason: "no user name")
        }
        guard !parts[2].isEmpty else {
            throw SASLFailure("Authentication failed: password not specified", reason: "no password")
        }
        // An unknown user takes as long as a wrong password.
        let expected = users[name]
        let isRight = Array(parts[2]).equalsInConstantTime(expected?.bytes ?? [])
        guard expected != nil, isRight else {
            throw SASLFailure(
                "Authentication failed: Invalid username or password",
                reason: expected == nil ? "no such user" : "wrong password")
        }
        guard authorizationID.isEmpty || authorizationID.isExactly(name) else {
            throw SASLFailure(
                "Authentication failed: Client requested an authorization id that is different from username",
                reason: "foreign authorization id")
        }
        return .success([], SASLIdentity(principal: Principal(user: name)))
    }
}
