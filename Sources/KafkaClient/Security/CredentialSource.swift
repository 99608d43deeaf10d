import CryptoPrimitives
import ForeignErrors
import FoundationEssentials
import Logging
import NIOCore
import NIOSSL

/// Turns SASL settings into exchanges, each with the credentials as they are at that moment: files are read again,
/// tokens and temporary keys renewed before they end. Belongs to one client, and lives on its event loop.
final class CredentialSource {
    private enum Source {
        case password(SASLSettings.PasswordMechanism, username: String, password: Secret)
        case tokenFile(String, extensions: [String: String])
        case tokenEndpoint(RenewedCredential<OAuthToken>, extensions: [String: String])
        case aws(RenewedCredential<AWSCredentials>, AWSCredentialChain)
    }

    private let eventLoop: any EventLoop
    private let now: @Sendable () -> Double
    private let source: Source
    private let identity: ClientIdentity

    /// - Parameters:
    ///   - timeout: for each request to a token endpoint or metadata service.
    ///   - environment: where AWS's variables are looked up.
    ///   - now: seconds since 1970.
    init(
        _ settings: SASLSettings, identity: ClientIdentity, on eventLoop: any EventLoop, logger: Logger,
        timeout: Duration, environment: [String: String] = ProcessInfo.processInfo.environment,
        now: @escaping @Sendable () -> Double = { WallTime.now }
    ) {
        self.eventLoop = eventLoop
        self.now = now
        self.identity = identity
        switch settings {
        case .password(let mechanism, let username, let password):
            source = .password(mechanism, username: username, password: password)
        case .oauthBearer(let settings):
            switch settings.source {
            case .file(let path): source = .tokenFile(path, extensions: settings.extensions)
            case .clientCredentials(let grant):
                let http = HTTPExchange(eventLoop: eventLoop, timeout: timeout)
                let token = RenewedCredential(on: eventLoop, logger: logger, now: now, expiry: \.expiry) { _ in
                    Self.fetchToken(grant, http, now)
                }
                source = .tokenEndpoint(token, extensions: settings.extensions)
            }
        case .awsMSKIAM(let settings):
            // A service that is not there answers at once or never: metadata services are a hop away.
            let chain = AWSCredentialChain(
                settings, environment: environment, sessionName: identity.name, on: eventLoop,
                timeout: min(timeout, .seconds(5)), now: now)
            let credentials = RenewedCredential(on: eventLoop, logger: logger, now: now, expiry: \.expiry) {
                chain.credentials(for: $0)
            }
            source = .aws(credentials, chain)
        }
    }

    /// On the event loop.
    ///
    /// - Parameter host: the broker's name as it is connected to.
    /// - Returns: fails with ``CredentialFailure``.
    func exchange(for host: String) -> EventLoopFuture<SASLExchange> {
        switch source {
        case .password(let mechanism, let username, let password):
            return attempt { () throws(CredentialFailure) in
                let password = try reveal(password)
                switch mechanism {
                case .plain: return .plain(username: username, password: password)
                case .scramSHA256: return .scram(.sha256, username: username, password: password)
                case .scramSHA512: return .scram(.sha512, username: username, password: password)
                }
            }
        case .tokenFile(let path, let extensions):
            return attempt { () throws(CredentialFailure) in
                let text = try reveal(Secret(file: path))
                do throws(CredentialFailure) {
                    let token = try OAuthToken(text, now: now())
                    return .oauthBearer(token, extensions: extensions, now: now())
                } catch {
                    throw error.prefixed("sasl.tokenFile \"\(path)\"")
                }
            }
        case .tokenEndpoint(let token, let extensions):
            let now = now
            return token.value(for: host).map { .oauthBearer($0, extensions: extensions, now: now()) }
        case .aws(let credentials, let chain):
            let (now, userAgent) = (now, identity.userAgent)
            return credentials.value(for: host).flatMapThrowing { credentials in
                let region = try chain.region(for: host)
                return .awsMSKIAM(
                    MSKPayload(
                        host: host, region: region, credentials: credentials, userAgent: userAgent, now: now()))
            }
        }
    }

    /// A broker did not take what it was shown, if that is why authentication failed.
    func failed(_ reason: KafkaError.Reason) {
        guard case .authentication = reason else { return }
        switch source {
        case .password, .tokenFile: break
        case .tokenEndpoint(let token, _): token.refused()
        case .aws(let credentials, _): credentials.refused()
        }
    }

    private func reveal(_ secret: Secret) throws(CredentialFailure) -> String {
        do { return try secret.reveal() } catch { throw .unavailable("\(error)") }
    }

    private func attempt(_ body: () throws(CredentialFailure) -> SASLExchange) -> EventLoopFuture<SASLExchange> {
        do { return eventLoop.makeSucceededFuture(try body()) } catch { return eventLoop.makeFailedFuture(error) }
    }

    private static func fetchToken(
        _ grant: OAuthSettings.ClientCredentials, _ http: HTTPExchange, _ now: @escaping @Sendable () -> Double
    ) -> EventLoopFuture<OAuthToken> {
        do {
            let endpoint = try TokenEndpoint(grant)
            // A token's life begins when it is issued, which an answer that takes its time makes hard to tell.
            let asked = now()
            var tls = TLSSettings()
            tls.caFile = grant.caFile
            let context: NIOSSLContext? =
                grant.tokenEndpoint.usesTLS ? try tls.context(unless: nil, names: "sasl.oauth.").1 : nil
            return http.send(endpoint.request, tls: context)
                .flatMapErrorThrowing { throw ($0 as? HTTPFailure).map { endpoint.failure($0) } ?? $0 }
                .flatMapThrowing { try endpoint.token(in: $0, asked: asked) }
        } catch {
            let reason = (error as? KafkaError.Reason)?.words ?? ForeignError.words(error)
            let failure = error as? CredentialFailure ?? .refused(reason)
            return http.eventLoop.makeFailedFuture(failure)
        }
    }
}
