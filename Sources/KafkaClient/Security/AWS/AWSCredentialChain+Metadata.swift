import NIOCore
import NIOHTTP1

/// Credentials from the services of the container or the instance that this runs in.
extension AWSCredentialChain {
    /// Nil when the environment names no such service.
    func fromContainer() throws(CredentialFailure) -> EventLoopFuture<AWSCredentials>? {
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
    func fromInstance(elsewhere: String) -> EventLoopFuture<AWSCredentials> {
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
}

extension HTTPAddress {
    /// The addresses at which ECS and EKS serve credentials without TLS, on the host itself.
    fileprivate var isContainerService: Bool {
        ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"].contains(host)
    }
}
