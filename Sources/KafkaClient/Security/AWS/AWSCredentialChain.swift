package import NIOCore
import NIOSSL

/// Finds AWS credentials where the settings say, or else where AWS's own tools look, in their order: environment, web
/// identity, shared files, container, instance; then takes on the role, if one is configured.
package struct AWSCredentialChain: Sendable {
    let settings: AWSSettings
    let environment: [String: String]
    let sessionName: String
    let http: HTTPExchange
    let now: @Sendable () -> Double

    var eventLoop: any EventLoop { http.eventLoop }

    /// - Parameters:
    ///   - environment: where the variables of AWS's tools are looked up.
    ///   - sessionName: the name of sessions in roles that nothing else names, for audit logs.
    ///   - timeout: for each request to a metadata or token service.
    ///   - now: seconds since 1970.
    package init(
        _ settings: AWSSettings, environment: [String: String], sessionName: String, on eventLoop: any EventLoop,
        timeout: Duration, now: @escaping @Sendable () -> Double
    ) {
        self.settings = settings
        self.environment = environment
        self.sessionName = sessionName
        self.now = now
        http = HTTPExchange(eventLoop: eventLoop, timeout: timeout)
    }

    /// - Parameter host: the broker's, in whose name the region may be.
    /// - Returns: fails with ``CredentialFailure``.
    package func credentials(for host: String) -> EventLoopFuture<AWSCredentials> {
        attempt { () throws(CredentialFailure) in
            let profiles = try SharedProfiles(environment)
            let region = region(for: host, profiles)
            let found = try source(profiles, region)
            guard let role = settings.role else { return found }
            return found.flatMap { self.assume(role, by: $0, region) }
        }
    }

    /// The region that signatures are made for.
    package func region(for host: String) throws(CredentialFailure) -> String {
        if let region = region(for: host, try SharedProfiles(environment)) { return region }
        throw .refused("the AWS region is not known: \"\(host)\" does not name one; set sasl.aws.region")
    }

    func region(for host: String, _ profiles: SharedProfiles) -> String? {
        settings.region ?? MSKPayload.region(inHost: host) ?? environment["AWS_REGION"]
            ?? environment["AWS_DEFAULT_REGION"] ?? profiles[profileName]?["region"]
    }

    var profileName: String { settings.profile ?? environment["AWS_PROFILE"] ?? "default" }

    func source(
        _ profiles: SharedProfiles, _ region: String?
    ) throws(CredentialFailure) -> EventLoopFuture<AWSCredentials> {
        if let keys = settings.keys { return eventLoop.makeSucceededFuture(try reveal(keys)) }
        if settings.profile != nil { return try profile(profileName, in: profiles, region, passed: []) }
        if let found = fromEnvironment { return eventLoop.makeSucceededFuture(found) }
        if let file = environment["AWS_WEB_IDENTITY_TOKEN_FILE"], let arn = environment["AWS_ROLE_ARN"] {
            let name = environment["AWS_ROLE_SESSION_NAME"] ?? sessionName
            return try assume(AWSSettings.Role(arn: arn, sessionName: name), webIdentityIn: file, region)
        }
        if environment["AWS_PROFILE"] != nil || profiles[profileName] != nil {
            return try profile(profileName, in: profiles, region, passed: [])
        }
        if let container = try fromContainer() { return container }
        return fromInstance(
            elsewhere: "no keys under sasl.aws, none in the environment, no profile \"\(profileName)\" in "
                + "\(profiles.places), no container")
    }

    func reveal(_ keys: AWSSettings.Keys) throws(CredentialFailure) -> AWSCredentials {
        do {
            return AWSCredentials(
                accessKeyID: keys.accessKeyID, secretAccessKey: try keys.secretAccessKey.reveal(),
                sessionToken: try keys.sessionToken?.reveal())
        } catch {
            throw .unavailable("\(error)")
        }
    }

    var fromEnvironment: AWSCredentials? {
        guard let id = environment["AWS_ACCESS_KEY_ID"], let key = environment["AWS_SECRET_ACCESS_KEY"], !id.isEmpty,
            !key.isEmpty
        else { return nil }
        let token = environment["AWS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        return AWSCredentials(accessKeyID: id, secretAccessKey: key, sessionToken: token)
    }

    func send(_ request: HTTPRequest) -> EventLoopFuture<HTTPAnswer> {
        guard request.address.usesTLS else { return http.send(request, tls: nil) }
        do {
            // The environment's bundle is what AWS's tools trust behind a company's own TLS.
            var settings = TLSSettings()
            settings.caFile = environment["AWS_CA_BUNDLE"]
            let (_, context) = try settings.context(unless: nil, names: "AWS_CA_BUNDLE, as tls.")
            return http.send(request, tls: context)
        } catch {
            return eventLoop.makeFailedFuture(CredentialFailure.refused("\(error)"))
        }
    }

    func attempt(
        _ body: () throws(CredentialFailure) -> EventLoopFuture<AWSCredentials>
    ) -> EventLoopFuture<AWSCredentials> {
        do { return try body() } catch { return eventLoop.makeFailedFuture(error) }
    }
}
