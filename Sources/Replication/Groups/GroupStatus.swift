internal import KafkaClient

// The part of `/api/status` about consumer groups.

extension FlowStatus.Group {
    package init(_ finding: GroupFinding) {
        group = finding.group
        targetGroup = finding.targetGroup
        kind = finding.kind
        notCarried = finding.kind == .share && finding.obstacle == nil ? GroupFinding.notCarried : nil
        partitions = finding.partitions.map { FlowStatus.GroupPartition($0) }
        if let failure = finding.failure {
            state = .failed
            reason = failure
        } else if let notCovered = finding.notCovered {
            state = .notCovered
            reason = notCovered
        } else if let beyond = partitions.first(where: { $0.state == .beyondEnd })
            ?? partitions.first(where: { $0.state == .beyondCopies })
        {
            state = beyond.state == .beyondEnd ? .beyondEnd : .beyondCopies
            reason = beyond.reason.map { "\(beyond.topic)-\(beyond.partition): \($0)" }
        } else if let refused = partitions.first(where: { $0.state == .refused }) {
            state = .refused
            reason = refused.reason.map { "\(refused.topic)-\(refused.partition): \($0)" }
        } else if partitions.contains(where: { $0.state == .activeMembers }) {
            state = .activeMembers
            reason = "the group has active members on the target"
        } else if let held = partitions.first(where: { $0.state == .held }) {
            state = .held
            reason = held.reason.map { "\(held.topic)-\(held.partition): \($0)" }
        } else {
            state = .synced
        }
    }
}

extension FlowStatus.GroupPartition {
    init(_ finding: PartitionFinding) {
        topic = finding.source.topic
        partition = finding.source.partition
        targetTopic = finding.target.topic
        sourceOffset = finding.committed.offset
        targetOffset = finding.atTarget
        aheadBy = 0
        if case .success(let position) = finding.position {
            translatedOffset = position.target
            aheadBy = position.aheadBy
        }
        switch finding.verdict {
        case .synced: state = .synced
        case .held:
            state = .held
            reason = finding.heldBy
        case .move: state = .pending
        case .further: state = .further
        case .activeMembers: state = .activeMembers
        case .beyond(let beyond):
            state = beyond.kind == .end ? .beyondEnd : .beyondCopies
            reason = beyond.reason
        case .refused(let why):
            state = .refused
            reason = why
        }
    }
}
