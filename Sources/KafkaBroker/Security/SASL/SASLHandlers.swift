import CryptoPrimitives
import KafkaWire
import Logging
import NIOCore

// SaslHandshake: 0-1. SaslAuthenticate: 0-2.
//
// - After version 0 of the handshake tokens come as bare frames, after version 1 in SaslAuthenticate.
// - A failure is answered with SASL_AUTHENTICATION_FAILED and the connection closed, both after
//   `connection.failed.authentication.delay.ms`. Bare tokens are not answered then.
// - Outside of authentication both are ILLEGAL_SASL_STATE.

extension SaslHandshakeRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> SaslHandshakeResponse {
        var response = SaslHandshakeResponse()
        response.errorCode = error
        return response
    }
}

extension SaslAuthenticateRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> SaslAuthenticateResponse {
        var response = SaslAuthenticateResponse()
        response.errorCode = error
        response.errorMessage = nil
        return response
    }
}

extension ConnectionAuthentication.RequestKind {
    init(_ api: ApiKey) {
        self =
            switch api {
            case .apiVersions: .versions
            case .saslHandshake: .handshake
            case .saslAuthenticate: .authenticate
            default: .other
            }
    }
}

extension Cluster {
    func saslHandshake(_ request: SaslHandshakeRequest, _ call: Call<SaslHandshakeResponse>) {
        let authentication = call.context.authentication
        var response = request.refused(.none)
        response.mechanisms = authentication.listener.sasl?.mechanisms.map(\.rawValue) ?? []
        do throws(ConnectionAuthentication.HandshakeRefusal) {
            try authentication.begin(request.mechanism, isFramed: call.version >= 1) { mechanism, verifier in
                exchange(mechanism, verifier, call.context)
            }
            call.reply(response)
        } catch {
            switch error {
            case .unsupportedMechanism:
                response.errorCode = .unsupportedSaslMechanism
                call.reply(response)
                call.disconnect()
            case .illegalState:
                response.errorCode = .illegalSaslState
                call.reply(response)
            }
        }
    }

    func saslAuthenticate(_ request: SaslAuthenticateRequest, _ call: Call<SaslAuthenticateResponse>) {
        var response = request.refused(.none)
        do throws(SASLFailure) {
            switch try take(Array(request.authBytes.readableBytesView), call.context) {
            case .challenge(let bytes): response.authBytes = ByteBuffer(bytes: bytes)
            case .success(let bytes, let lifetime):
                response.authBytes = ByteBuffer(bytes: bytes)
                response.sessionLifetimeMs = lifetime
            case nil:
                response.errorCode = .illegalSaslState
                response.errorMessage = "SaslAuthenticate request received after successful authentication"
            }
            call.reply(response)
        } catch {
            response.errorCode = .saslAuthenticationFailed
            response.errorMessage = error.message
            let timer = loop.scheduleTask(in: failedAuthenticationDelay) {
                call.reply(response)
                call.disconnect()
            }
            call.onAbandon = { timer.cancel() }
        }
    }

    /// Takes a client's token, and logs what came of it.
    func take(
        _ token: [UInt8], _ context: RequestContext
    ) throws(SASLFailure) -> ConnectionAuthentication.Outcome? {
        let authentication = context.authentication
        do throws(SASLFailure) {
            let outcome = try authentication.take(token, now: clock.steadyTime(), wallTime: clock.wallTime())
            if case .success? = outcome {
                context.node.logger.debug(
                    "client authenticated",
                    metadata: ["peer": "\(context.clientHost)", "principal": "\(authentication.principal)"])
            }
            return outcome
        } catch {
            context.node.logger.info(
                "authentication failed",
                metadata: [
                    "peer": "\(context.clientHost)", "listener": "\(authentication.listener.name)",
                    "reason": "\(error.reason)",
                ])
            throw error
        }
    }

    var failedAuthenticationDelay: TimeAmount {
        .milliseconds(Int64(configs.number("connection.failed.authentication.delay.ms")))
    }

    private func exchange(
        _ mechanism: SASLMechanism, _ verifier: SASLListener.Verifier, _ context: RequestContext
    ) -> any SASLExchange {
        switch verifier {
        case .plain(let users): return PlainExchange(users: users)
        case .scram:
            let listener = context.authentication.listener.index
            return SCRAMExchange(
                mechanism, mechanism.scramHash ?? .sha512, serverNonce: Base64.encode(.random(count: 24)),
                lookUp: { [unowned self] user in scramCredentials.account(user, mechanism, listener: listener) })
        case .oauthBearer(let verifier): return BearerTokenExchange(verifier, now: clock.wallTime)
        case .mskIAM(let verifier):
            let host = advertisedHost(of: context.node, context)
            return MSKIAMExchange(
                verifier: verifier, hosts: [host, context.node.host, context.localHost ?? host, "localhost"],
                now: clock.wallTime)
        }
    }
}
