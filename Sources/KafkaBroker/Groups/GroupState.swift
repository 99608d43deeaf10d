import KafkaWire

/// Kinds of groups, with the names that ListGroups has for them.
enum GroupType: String {
    case classic, consumer, share, streams
}

/// A group by its type, with the machine of that type.
enum GroupState {
    case classic(Group)
    case consumer(ConsumerGroup)
    /// Without members: it is only known to be there.
    case memberless(id: String, GroupType)

    var id: String {
        switch self {
        case .classic(let group): group.id
        case .consumer(let group): group.id
        case .memberless(let id, _): id
        }
    }

    var type: GroupType {
        switch self {
        case .classic: .classic
        case .consumer: .consumer
        case .memberless(_, let type): type
        }
    }

    /// Nil for a classic group that never had members.
    var protocolType: String? {
        if case .classic(let group) = self { group.protocolType } else { type.rawValue }
    }

    var stateName: String {
        switch self {
        case .classic(let group): group.stateName
        case .consumer(let group): group.stateName
        case .memberless: "Empty"
        }
    }

    var memberCount: Int {
        switch self {
        case .classic(let group): group.members.count
        case .consumer(let group): group.members.count
        case .memberless: 0
        }
    }

    var isEmpty: Bool {
        switch self {
        case .classic(let group): group.isEmpty
        case .consumer(let group): group.isEmpty
        case .memberless: true
        }
    }

    /// The topics whose offsets are kept while the group is as it is; nil for all of them.
    var topicsInUse: Set<String>? {
        switch self {
        case .classic(let group): group.topicsInUse
        case .consumer(let group): group.subscribedTopics
        case .memberless: nil
        }
    }

    /// The topics that members subscribe to; nil when a subscription cannot be read.
    var subscribedTopics: Set<String>? {
        switch self {
        case .classic(let group): group.isEmpty ? [] : group.subscribedTopics
        case .consumer(let group): group.subscribedTopics
        case .memberless: []
        }
    }

    var nextDeadline: Int64? {
        switch self {
        case .classic(let group): group.nextDeadline
        case .consumer(let group): group.nextDeadline
        case .memberless: nil
        }
    }

    var classic: Group? { if case .classic(let group) = self { group } else { nil } }
    var consumer: ConsumerGroup? { if case .consumer(let group) = self { group } else { nil } }
}

// Machines are changed in place: what lies in an enumeration has to be taken out meanwhile, or all of it is copied.
extension GroupState {
    /// Nil for a group of another type.
    mutating func changeClassic<Result>(_ step: (inout Group) -> Result) -> Result? {
        guard case .classic(var group) = self else { return nil }
        self = .memberless(id: group.id, .classic)
        defer { self = .classic(group) }
        return step(&group)
    }

    mutating func changeConsumer<Result>(
        _ step: (inout ConsumerGroup) throws(AdminRefusal) -> Result
    ) throws(AdminRefusal) -> Result? {
        guard case .consumer(var group) = self else { return nil }
        self = .memberless(id: group.id, .consumer)
        defer { self = .consumer(group) }
        return try step(&group)
    }
}
