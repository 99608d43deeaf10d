package import NIOCore
import NIOHTTP1
import NIOSSL

/// Finds AWS credentials where the settings say, or else where AWS's own tools look, in their order: environment, web
/// identity, shared files, container, instance; then takes on the role, if one is configured.
package struct AWSCredentialChain: Sendable {
    private let settings: AWSSettings
    private let environment: [String: String]
    private let http: HTTPExchange
    private let now: @Sendable () -> Double

    private var eventLoop: any EventLoop { http.eventLoop }

    /// - Parameters:
    ///   - environment: where the variables of AWS's tools are looked up.
    ///   - timeout: for each request to a metadata or token service.
    ///   - now: seconds since 1970.
    package init(
        _ settings: AWSSettings, environment: [String: String], on eventLoop: any EventLoop, timeout: Duration,
        now: @escaping @Sendable () -> Double
    ) {
        self.settings = settings
        self.environment = environment
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

    /// What signatures are made for.
    package func region(for host: String) throws(CredentialFailure) -> String {
        if let region = region(for: host, try SharedProfiles(environment)) { return region }
        throw .refused("the AWS region is not known: \"\(host)\" does not name one; set sasl.aws.region")
    }

    private func region(for host: String, _ profiles: SharedProfiles) -> String? {
        settings.region ?? MSKPayload.region(inHost: host) ?? environment["AWS_REGION"]
            ?? environment["AWS_DEFAULT_REGION"] ?? profiles[profileName]?["region"]
    }

    private var profileName: String { settings.profile ?? environment["AWS_PROFILE"] ?? "default" }

    private func source(
        _ profiles: SharedProfiles, _ region: String?
    ) throws(CredentialFailure) -> EventLoopFuture<AWSCredentials> {
        if let keys = settings.keys { return eventLoop.makeSucceededFuture(try reveal(keys)) }
        if settings.profile != nil { return try profile(profileName, in: profiles, region, passed: []) }
        if let found = fromEnvironment { return eventLoop.makeSucceededFuture(found) }
        if let file = environment["AWS_WEB_IDENTITY_TOKEN_FILE"], let arn = environment["AWS_ROLE_ARN"] {
            let name = environment["AWS_ROLE_SESSION_NAME"] ?? "replicator"
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

    private func reveal(_ keys: AWSSettings.Keys) throws(CredentialFailure) -> AWSCredentials {
        do {
            return AWSCredentials(
                accessKeyID: keys.accessKeyID, secretAccessKey: try keys.secretAccessKey.reveal(),
                sessionToken: try keys.sessionToken?.reveal())
        } catch {
            throw .unavailable("\(error)")
        }
    }

    private var fromEnvironment: AWSCredentials? {
        guard let id = environment["AWS_ACCESS_KEY_ID"], let key = environment["AWS_SECRET_ACCESS_KEY"], !id.isEmpty,
            !key.isEmpty
        else { return nil }
        let token = environment["AWS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        return AWSCredentials(accessKeyID: id, secretAccessKey: key, sessionToken: token)
    }

    // Profiles

    private func profile(
        _ name: String, in profiles: SharedProfiles, _ region: String?, passed: [String]
    ) throws(CredentialFailure) -> EventLoopFuture<AWSCredentials> {
        guard let profile = profiles[name] else {
            throw .refused("there is no AWS profile \"\(name)\" in \(profiles.places)")
        }
        guard !passed.contains(name) else {
            throw .refused("AWS profile \"\(name)\" refers to itself by source_profile")
        }
        if let arn = profile["role_arn"] {
            let sessionName = profile["role_session_name"] ?? "replicator"
            let role = AWSSettings.Role(arn: arn, sessionName: sessionName, externalID: profile["external_id"])
            if let file = profile["web_identity_token_file"] { return try assume(role, webIdentityIn: file, region) }
            // A profile may take on a role with its own keys.
            if profile["source_profile"] != name || profile["aws_access_key_id"] == nil {
                let base = try self.base(of: name, profile, in: profiles, region, passed: passed + [name])
                return base.flatMap { self.assume(role, by: $0, region) }
            }
            return assume(role, by: try keys(of: name, profile), region)
        }
        return eventLoop.makeSucceededFuture(try keys(of: name, profile))
    }

    private func base(
        of name: String, _ profile: [String: String], in profiles: SharedProfiles, _ region: String?, passed: [String]
    ) throws(CredentialFailure) -> EventLoopFuture<AWSCredentials> {
        if let source = profile["source_profile"] {
            return try self.profile(source, in: profiles, region, passed: passed)
        }
        switch profile["credential_source"] {
        case "Environment":
            guard let found = fromEnvironment else {
                throw .refused("AWS profile \"\(name)\" takes keys from the environment, where none are")
            }
            return eventLoop.makeSucceededFuture(found)
        case "EcsContainer":
            guard let found = try fromContainer() else {
                throw .refused("AWS profile \"\(name)\" takes keys from the container, which offers none")
            }
            return found
        case "Ec2InstanceMetadata":
            return fromInstance(elsewhere: "AWS profile \"\(name)\" takes keys from the instance")
        default:
            throw .refused("AWS profile \"\(name)\" has a role_arn without source_profile or credential_source")
        }
    }

    private func keys(of name: String, _ profile: [String: String]) throws(CredentialFailure) -> AWSCredentials {
        guard let id = profile["aws_access_key_id"], let key = profile["aws_secret_access_key"] else {
            throw .refused(
                "AWS profile \"\(name)\" has neither keys nor a role; sso and credential_process are not supported")
        }
        return AWSCredentials(accessKeyID: id, secretAccessKey: key, sessionToken: profile["aws_session_token"])
    }

    // Roles

    private func assume(
        _ role: AWSSettings.Role, by credentials: AWSCredentials, _ region: String?
    ) -> EventLoopFuture<AWSCredentials> {
        attempt { () throws(CredentialFailure) in
            let service = try tokenService(region)
            return ask(service.assume(role, by: credentials, now: now()), service, role)
        }
    }

    private func assume(
        _ role: AWSSettings.Role, webIdentityIn file: String, _ region: String?
    ) throws(CredentialFailure) -> EventLoopFuture<AWSCredentials> {
        let service = try tokenService(region)
        let token: String
        do { token = try Secret(file: file).reveal() } catch { throw .unavailable("web identity: \(error)") }
        return ask(service.assume(role, webIdentity: token), service, role)
    }

    private func tokenService(_ region: String?) throws(CredentialFailure) -> SecurityTokenService {
        guard let region else { throw .refused("the AWS region is not known; set sasl.aws.region") }
        return try SecurityTokenService(region: region, environment)
    }

    private func ask(
        _ request: HTTPRequest, _ service: SecurityTokenService, _ role: AWSSettings.Role
    ) -> EventLoopFuture<AWSCredentials> {
        send(request).flatMapErrorThrowing { throw ($0 as? HTTPFailure).map { service.failure($0) } ?? $0 }
            .flatMapThrowing { try service.credentials(in: $0, for: role) }
    }

    // Metadata

    /// Nil when the environment names no such service.
    private func fromContainer() throws(CredentialFailure) -> EventLoopFuture<AWSCredentials>? {
        let text: String
        if let relative = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] {
            text = "http://169.254.170.2\(relative)"
        } else if let full = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] {
            text = full
        } else {
            return nil
        }
        guard let address = HTTPAddress(text), address.usesTLS || address.isLoopback || address.isContainerService
        else {
            throw .refused(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI \"\(text)\" is neither https nor an address of this host")
        }
        var headers: [(String, String)] = []
        if let file = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] {
            do { headers.append(("Authorization", try Secret(file: file).reveal())) } catch {
                throw .unavailable("container credentials: \(error)")
            }
        } else if let token = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] {
            headers.append(("Authorization", token))
        }
        return metadata(HTTPRequest(method: .GET, address: address, headers: headers))
            .flatMapThrowing { try AWSCredentials(metadata: $0.body, from: "\(address)") }
    }

    /// The second version of the service, which asks for a token first.
    private func fromInstance(elsewhere: String) -> EventLoopFuture<AWSCredentials> {
        if environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() == "true" {
            return eventLoop.makeFailedFuture(
                CredentialFailure.refused(
                    "no AWS credentials: \(elsewhere), and instance metadata is switched off"))
        }
        let text = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? "http://169.254.169.254"
        guard let server = HTTPAddress(text) else {
            return eventLoop.makeFailedFuture(
                CredentialFailure.refused("AWS_EC2_METADATA_SERVICE_ENDPOINT \"\(text)\" is not an http address"))
        }
        let token = HTTPRequest(
            method: .PUT, address: server.at("/latest/api/token"),
            headers: [("X-aws-ec2-metadata-token-ttl-seconds", "21600")])
        return metadata(token)
            .flatMapErrorThrowing { error in
                guard let failure = error as? CredentialFailure else { throw error }
                throw failure.prefixed("no AWS credentials: \(elsewhere), and instance metadata fails")
            }
            .flatMap { answer in self.role(at: server, token: answer.text) }
    }

    private func role(at server: HTTPAddress, token: String) -> EventLoopFuture<AWSCredentials> {
        let headers = [("X-aws-ec2-metadata-token", token)]
        let list = server.at("/latest/meta-data/iam/security-credentials/")
        return metadata(HTTPRequest(method: .GET, address: list, headers: headers)).flatMap { answer in
            let role = answer.text.prefix { !$0.isNewline }
            let address = server.at(list.target + String(role).percentEncoded)
            return self.metadata(HTTPRequest(method: .GET, address: address, headers: headers))
                .flatMapThrowing { try AWSCredentials(metadata: $0.body, from: "\(address)") }
        }
    }

    /// Asks a metadata service; anything but 200 is a failure.
    private func metadata(_ request: HTTPRequest) -> EventLoopFuture<HTTPAnswer> {
        let address = request.address
        return send(request)
            .flatMapErrorThrowing { error in
                guard let failure = error as? HTTPFailure else { throw error }
                throw CredentialFailure.unavailable("\(address): \(failure.text)")
            }
            .flatMapThrowing { answer in
                guard answer.status == 200 else {
                    throw CredentialFailure.unavailable("\(address) answers \(answer.status)")
                }
                return answer
            }
    }

    private func send(_ request: HTTPRequest) -> EventLoopFuture<HTTPAnswer> {
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

    private func attempt(
        _ body: () throws(CredentialFailure) -> EventLoopFuture<AWSCredentials>
    ) -> EventLoopFuture<AWSCredentials> {
        do { return try body() } catch { return eventLoop.makeFailedFuture(error) }
    }
}

extension HTTPAddress {
    /// Where ECS and EKS serve credentials without TLS, on the host itself.
    fileprivate var isContainerService: Bool {
        ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"].contains(host)
    }
}
