package import KafkaWire

/// Admission to a consumer group's offsets.
extension ConsumerGroup {
    /// A commit is taken from a member in its present epoch, and from anybody while there are no members.
    ///
    /// - Parameter knowsEpochs: false for versions of the request that clients of this protocol do not send.
    package func admitCommit(
        memberID: String, epoch: Int32, isTransactional: Bool, knowsEpochs: Bool
    ) -> ErrorCode {
        if epoch < 0, isEmpty { return .none }
        guard let member = member(memberID) else { return .unknownMemberID }
        if !isTransactional, !member.usesClassicProtocol, !knowsEpochs { return .unsupportedVersion }
        return fault(of: epoch, from: member)
    }

    /// Reading takes no membership; but who names a member must be it.
    package func admitFetch(memberID: String?, epoch: Int32) -> ErrorCode {
        if memberID == nil, epoch < 0 { return .none }
        guard let member = memberID.flatMap(member) else { return .unknownMemberID }
        return fault(of: epoch, from: member)
    }

    private func fault(of epoch: Int32, from member: ConsumerMember) -> ErrorCode {
        guard epoch != member.epoch else { return .none }
        return member.usesClassicProtocol ? .illegalGeneration : .staleMemberEpoch
    }
}
