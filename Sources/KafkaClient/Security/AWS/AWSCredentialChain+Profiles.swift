import NIOCore

/// Credentials by profile of the shared files.
extension AWSCredentialChain {
    func profile(
        _ name: String, in profiles: SharedProfiles, _ region: String?, passed: [String]
    ) throws(CredentialFailure) -> EventLoopFuture<AWSCredentials> {
        guard let profile = profiles[name] else {
            throw .refused("there is no AWS profile \"\(name)\" in \(profiles.places)")
        }
        guard !passed.contains(name) else {
            throw .refused("AWS profile \"\(name)\" refers to itself by source_profile")
        }
        if let arn = profile["role_arn"] {
            let sessionName = profile["role_session_name"] ?? sessionName
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
}
