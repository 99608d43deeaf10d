import CryptoPrimitives
import KafkaWire
import NIOCore

// DescribeUserScramCredentials: 0. AlterUserScramCredentials: 0 (KIP-554).
//
// - Descriptions name mechanisms and iterations, never keys.
// - A user's changes are made together or not at all; errors are per user.
// - Users given in a JAAS configuration are not listed: they are settings, as PLAIN's users are.

extension DescribeUserScramCredentialsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeUserScramCredentialsResponse {
        var response = DescribeUserScramCredentialsResponse()
        response.errorCode = error
        response.errorMessage = nil
        return response
    }
}

extension AlterUserScramCredentialsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> AlterUserScramCredentialsResponse {
        var response = AlterUserScramCredentialsResponse()
        response.results = userNames.map { Self.result($0, error, nil) }
        return response
    }

    /// Everybody whom the request is about, in order.
    fileprivate var userNames: [String] {
        Set((deletions.map(\.name) + upsertions.map(\.name)).map { ExactName($0) }).map(\.text).sorted()
    }

    fileprivate static func result(
        _ user: String, _ error: ErrorCode, _ message: String?
    ) -> AlterUserScramCredentialsResponse.AlterUserScramCredentialsResult {
        var result = AlterUserScramCredentialsResponse.AlterUserScramCredentialsResult()
        result.user = user
        result.errorCode = error
        result.errorMessage = message
        return result
    }
}

extension Cluster {
    func describeSCRAMCredentials(
        _ request: DescribeUserScramCredentialsRequest, _ context: RequestContext
    ) -> DescribeUserScramCredentialsResponse {
        var response = request.refused(.none)
        let named = request.users.flatMap { $0.isEmpty ? nil : $0.map(\.name) }
        var counts: [ExactName: Int] = [:]
        for name in named ?? [] { counts[name, default: 0] += 1 }
        for name in (named.map { Set($0.map { ExactName($0) }).map(\.text).sorted() } ?? scramCredentials.userNames) {
            var result = DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult()
            result.user = name
            result.errorMessage = nil
            let found = scramCredentials.credentials(of: name)
            if counts[name] ?? 0 > 1 {
                result.errorCode = .duplicateResource
                result.errorMessage =
                    "Cannot describe SCRAM credentials for the same user twice in a single request: \(name)"
            } else if found.isEmpty {
                result.errorCode = .resourceNotFound
                result.errorMessage = "Attempt to describe a user credential that does not exist: \(name)"
            } else {
                result.credentialInfos = found.map { mechanism, credential in
                    var info = DescribeUserScramCredentialsResponse.CredentialInfo()
                    info.mechanism = mechanism.scramNumber ?? 0
                    info.iterations = Int32(credential.iterations)
                    return info
                }
            }
            response.results.append(result)
        }
        return response
    }

    func alterSCRAMCredentials(
        _ request: AlterUserScramCredentialsRequest, _ context: RequestContext
    ) -> AlterUserScramCredentialsResponse {
        var response = AlterUserScramCredentialsResponse()
        for user in request.userNames {
            do throws(AdminRefusal) {
                let changes = try changes(of: user, in: request)
                do throws(BrokerError) {
                    try commit(changes.map { .scram(SCRAMRecord(user, $0.0, $0.1)) })
                } catch {
                    throw AdminRefusal(.kafkaStorageError, "\(error)")
                }
                for (mechanism, credential) in changes { scramCredentials.set(credential, user, mechanism) }
                response.results.append(AlterUserScramCredentialsRequest.result(user, .none, nil))
            } catch {
                response.results.append(AlterUserScramCredentialsRequest.result(user, error.code, error.message))
            }
        }
        return response
    }

    private func changes(
        of user: String, in request: AlterUserScramCredentialsRequest
    ) throws(AdminRefusal) -> [(SASLMechanism, SCRAMCredential?)] {
        guard !user.isEmpty else { throw AdminRefusal(.unacceptableCredential, "Username must not be empty") }
        var changes: [(SASLMechanism, SCRAMCredential?)] = []
        for deletion in request.deletions where deletion.name.isExactly(user) {
            let mechanism = try mechanism(deletion.mechanism)
            guard scramCredentials.credential(user, mechanism) != nil else {
                throw AdminRefusal(
                    .resourceNotFound, "Attempt to delete a user credential that does not exist")
            }
            changes.append((mechanism, nil))
        }
        for upsertion in request.upsertions where upsertion.name.isExactly(user) {
            let mechanism = try mechanism(upsertion.mechanism)
            guard Int(upsertion.iterations) >= SCRAMCredential.permittedIterations.lowerBound else {
                throw AdminRefusal(.unacceptableCredential, "Too few iterations")
            }
            guard Int(upsertion.iterations) <= SCRAMCredential.permittedIterations.upperBound else {
                throw AdminRefusal(.unacceptableCredential, "Too many iterations")
            }
            guard upsertion.salt.readableBytes > 0, upsertion.saltedPassword.readableBytes > 0 else {
                throw AdminRefusal(.unacceptableCredential, "Salt and salted password must not be empty")
            }
            changes.append(
                (
                    mechanism,
                    SCRAMCredential(
                        mechanism.scramHash ?? .sha512, salt: Array(upsertion.salt.readableBytesView),
                        saltedPassword: Array(upsertion.saltedPassword.readableBytesView),
                        iterations: Int(upsertion.iterations))
                ))
        }
        guard Set(changes.map(\.0)).count == changes.count else {
            throw AdminRefusal(
                .duplicateResource,
                "A user credential cannot be altered twice in the same request")
        }
        return changes
    }

    private func mechanism(_ number: Int8) throws(AdminRefusal) -> SASLMechanism {
        guard let mechanism = SASLMechanism(scramNumber: number) else {
            throw AdminRefusal(.unsupportedSaslMechanism, "Unknown SCRAM mechanism")
        }
        return mechanism
    }
}
