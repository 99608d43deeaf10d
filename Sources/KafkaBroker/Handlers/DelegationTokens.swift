import KafkaWire

// CreateDelegationToken: 1-3. RenewDelegationToken: 1-2. ExpireDelegationToken: 1-2. DescribeDelegationToken: 1-3.
//
// - Answered as by a Kafka without `delegation.token.secret.key`: DELEGATION_TOKEN_AUTH_DISABLED.
// - Before that, as there: callers that nobody has authenticated are DELEGATION_TOKEN_REQUEST_NOT_ALLOWED; an owner other
//   than the caller takes CREATE_TOKENS on that user; renewers have to be users.

extension CreateDelegationTokenRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> CreateDelegationTokenResponse {
        var response = CreateDelegationTokenResponse()
        response.errorCode = error
        response.issueTimestampMs = -1
        response.expiryTimestampMs = -1
        response.maxTimestampMs = -1
        return response
    }
}

extension RenewDelegationTokenRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> RenewDelegationTokenResponse {
        var response = RenewDelegationTokenResponse()
        response.errorCode = error
        response.expiryTimestampMs = -1
        return response
    }
}

extension ExpireDelegationTokenRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> ExpireDelegationTokenResponse {
        var response = ExpireDelegationTokenResponse()
        response.errorCode = error
        response.expiryTimestampMs = -1
        return response
    }
}

extension DescribeDelegationTokenRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeDelegationTokenResponse {
        var response = DescribeDelegationTokenResponse()
        response.errorCode = error
        return response
    }
}

extension Cluster {
    func createDelegationToken(
        _ request: CreateDelegationTokenRequest, _ context: RequestContext
    ) -> CreateDelegationTokenResponse {
        let requester = context.principal
        var owner = requester
        if let name = request.ownerPrincipalName, !name.isEmpty {
            owner = Principal(type: request.ownerPrincipalType ?? "", name: name)
        }
        var response = request.refused(tokenRefusal(context))
        if response.errorCode == .delegationTokenAuthDisabled {
            if owner != requester, !context.caller.may(.createTokens, .user, owner.description) {
                response.errorCode = .delegationTokenAuthorizationFailed
            } else if request.renewers.contains(where: { $0.principalType != "User" }) {
                response.errorCode = .invalidPrincipalType
            }
        }
        (response.principalType, response.principalName) = (owner.type, owner.name)
        (response.tokenRequesterPrincipalType, response.tokenRequesterPrincipalName) = (requester.type, requester.name)
        return response
    }

    func renewDelegationToken(
        _ request: RenewDelegationTokenRequest, _ context: RequestContext
    ) -> RenewDelegationTokenResponse {
        request.refused(tokenRefusal(context))
    }

    func expireDelegationToken(
        _ request: ExpireDelegationTokenRequest, _ context: RequestContext
    ) -> ExpireDelegationTokenResponse {
        request.refused(tokenRefusal(context))
    }

    func describeDelegationToken(
        _ request: DescribeDelegationTokenRequest, _ context: RequestContext
    ) -> DescribeDelegationTokenResponse {
        request.refused(tokenRefusal(context))
    }

    private func tokenRefusal(_ context: RequestContext) -> ErrorCode {
        context.principal == .anonymous ? .delegationTokenRequestNotAllowed : .delegationTokenAuthDisabled
    }
}
