import KafkaWire
import NIOCore

/// Authenticates a connection by SASL: handshake, then as many steps as the mechanism has.
///
/// Driven by answers rather than by a task, since it also runs later, on its own, when the broker limits the life of
/// a session (KIP-368).
final class Authentication {
    /// The session's life, nil for unlimited; or why there is none.
    typealias Completion = (Result<Duration?, KafkaError.Reason>) -> Void

    private let connection: ConnectionHandler
    private let clientID: String
    private let versions: NegotiatedVersions
    private let timeout: Duration
    private let completion: Completion
    private var exchange: SASLExchange

    private init(
        _ connection: ConnectionHandler, _ exchange: SASLExchange, clientID: String, versions: NegotiatedVersions,
        timeout: Duration, completion: @escaping Completion
    ) {
        self.connection = connection
        self.exchange = exchange
        self.clientID = clientID
        self.versions = versions
        self.timeout = timeout
        self.completion = completion
    }

    /// Begins; `completion` is called once, on the event loop.
    ///
    /// - Parameter timeout: for each answer.
    static func begin(
        on connection: ConnectionHandler, _ exchange: SASLExchange, clientID: String, versions: NegotiatedVersions,
        timeout: Duration, completion: @escaping Completion
    ) {
        Authentication(
            connection, exchange, clientID: clientID, versions: versions, timeout: timeout, completion: completion
        ).shakeHands()
    }

    private func shakeHands() {
        var request = SaslHandshakeRequest()
        request.mechanism = exchange.mechanism
        // Version 0 goes with tokens outside of Kafka's framing, which nothing newer than 0.11 needs.
        send(request, within: 1...1) { [self] response in
            switch response.errorCode {
            case .none:
                step(answering: nil, lifetime: 0)
            case .unsupportedSaslMechanism:
                let offered = response.mechanisms.sorted().joined(separator: ", ")
                fail(
                    .authentication(
                        "the listener does not offer \(exchange.mechanism); it offers \(offered.isEmpty ? "nothing" : offered)"
                    ))
            case let code:
                fail(.broker(code, message: nil))
            }
        }
    }

    private static let longestLifetime: Int64 = 365 * 86_400_000

    private func step(answering challenge: [UInt8]?, lifetime: Int64) {
        let message: [UInt8]?
        do { message = try exchange.respond(to: challenge) } catch {
            return fail(.authentication(error.description))
        }
        guard let message else {
            // A year is as good as for ever, and what a broker may claim beyond that is no time at all.
            return completion(.success(lifetime > 0 ? .milliseconds(min(lifetime, Self.longestLifetime)) : nil))
        }
        var request = SaslAuthenticateRequest()
        request.authBytes = ByteBuffer(bytes: message)
        send(request, within: 0...2) { [self] response in
            guard response.errorCode == .none else {
                let why = response.errorMessage.flatMap { $0.isEmpty ? nil : $0 } ?? "\(response.errorCode)"
                return fail(.authentication(exchange.refusal(why)))
            }
            step(answering: Array(response.authBytes.readableBytesView), lifetime: response.sessionLifetimeMs)
        }
    }

    private func send<R: KafkaRequest>(
        _ request: R, within bounds: ClosedRange<Int16>, then body: @escaping (R.Response) -> Void
    ) {
        guard let version = versions.version(of: R.self, within: bounds) else {
            return fail(.unsupported(R.apiKey, needed: bounds, offered: versions.range(of: R.apiKey)))
        }
        do {
            let reply: ConnectionHandler.Reply = { [self] answer in
                let (result, wireError) = R.Response.understand(answer, version: version)
                switch result {
                case .success(let response): body(response)
                case .failure(let reason): fail(reason)
                }
                return wireError
            }
            try connection.send(R.apiKey, timeout: timeout, isAuthentication: true, reply: reply) {
                correlationID throws(WireError) in
                try request.encodeFrame(version: version, correlationID: correlationID, clientID: clientID)
            }
        } catch {
            fail(error)
        }
    }

    private func fail(_ reason: KafkaError.Reason) {
        if case .connection(.closedByBroker) = reason {
            // Since Kafka 1.0 a refusal is answered, so this is a broker that goes away; or a proxy that is rude.
            let advice = "if it always does, check the credentials of \(exchange.subject)"
            return completion(
                .failure(.connection(.lost("the broker closed the connection during authentication; \(advice)"))))
        }
        completion(.failure(reason))
    }
}
