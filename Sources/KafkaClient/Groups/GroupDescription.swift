import KafkaWire

/// State and members of a group of the classic protocol.
public struct GroupDescription: Sendable, Hashable {
    public struct Member: Sendable, Hashable {
        public var id: String
        /// Name of a static member (KIP-345); nil for a dynamic one.
        public var instanceID: String?
    }

    /// `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable` or `Dead`, which one that does not exist is, too.
    public var state: String
    /// Empty where there is no group.
    public var protocolType: String
    public var members: [Member]
}

extension ClusterClient {
    /// - Throws: GROUP_AUTHORIZATION_FAILED when we may not even describe it.
    public func describeGroup(_ group: String) async throws(KafkaError) -> GroupDescription {
        try await retrying(during: .describeGroups, at: .group(group)) { () throws(KafkaError) in
            var request = DescribeGroupsRequest()
            request.groups = [group]
            let response = try await self.send(request, to: .coordinator(group: group))
            var error = self.error(.unexpectedAnswer("it leaves \(group) out"), during: .request(.describeGroups))
            error.group = group
            guard let found = response.groups.first(where: { $0.groupID == group }) else { throw error }
            // From version 6 on.
            if found.errorCode == .groupIDNotFound {
                return GroupDescription(state: "Dead", protocolType: "", members: [])
            }
            guard found.errorCode == .none else {
                error.reason = .broker(found.errorCode, message: found.errorMessage)
                throw error
            }
            return GroupDescription(
                state: found.groupState, protocolType: found.protocolType,
                members: found.members.map { GroupDescription.Member(id: $0.memberID, instanceID: $0.groupInstanceID) })
        }
    }
}
