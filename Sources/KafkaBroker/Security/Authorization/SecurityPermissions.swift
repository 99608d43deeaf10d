import KafkaWire

// What the administration of security needs, all on the cluster: DESCRIBE and ALTER for ACLs and SCRAM credentials,
// DESCRIBE_CONFIGS and ALTER_CONFIGS for quotas.

extension DescribeAclsRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<DescribeAclsResponse> {
        context.caller.may(.describe) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension CreateAclsRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<CreateAclsResponse> {
        context.caller.may(.alter) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension DeleteAclsRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<DeleteAclsResponse> {
        context.caller.may(.alter) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension DescribeUserScramCredentialsRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<DescribeUserScramCredentialsResponse> {
        context.caller.may(.describe) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension AlterUserScramCredentialsRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<AlterUserScramCredentialsResponse> {
        context.caller.may(.alter) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}
