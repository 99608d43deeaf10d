import NIOCore

/// Credentials for a role, from AWS's token service.
extension AWSCredentialChain {
    func assume(
        _ role: AWSSettings.Role, by credentials: AWSCredentials, _ region: String?
    ) -> EventLoopFuture<AWSCredentials> {
        attempt { () throws(CredentialFailure) in
            let service = try tokenService(region)
            return ask(service.assume(role, by: credentials, now: now()), service, role)
        }
    }

    func assume(
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
}
