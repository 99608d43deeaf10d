import KafkaWire

/// A member of a consumer group: what it told of itself, and how far it is with its assignment.
package struct ConsumerMember: Equatable {
    package enum State: Equatable {
        case stable
        /// It has to let partitions go before it gets others.
        case unrevoked(PartitionMap)
        /// Partitions of its target are still with other members.
        case unreleased
    }

    /// Properties of a member by JoinGroup instead of ConsumerGroupHeartbeat.
    package struct Classic: Equatable {
        package var sessionTimeout: Int64
        package var proposals: [GroupMember.Proposal]
    }

    package var id: String
    /// Set for static members (KIP-345).
    package var instanceID: String?
    package var rackID: String?
    package var clientID = ""
    package var clientHost = ""
    /// Milliseconds for letting partitions go; -1 until told.
    package var rebalanceTimeout: Int64 = -1
    package var assignor: String?
    package var subscription = Subscription()
    /// Nil for a member of the consumer protocol.
    package var classic: Classic?

    package internal(set) var epoch: Int32 = 0
    package internal(set) var previousEpoch: Int32 = 0
    package internal(set) var state = State.stable
    package internal(set) var assigned = PartitionMap()

    package struct Subscription: Hashable {
        /// In order, without repetitions.
        package private(set) var names: [String] = []
        /// An expression in RE2's syntax; empty for none.
        package var expression = ""

        mutating func name(_ topics: [String]) { names = Set(topics).sorted() }
    }

    package init(id: String) {
        self.id = id
    }

    var usesClassicProtocol: Bool { classic != nil }
    var hasLeftForAWhile: Bool { epoch == MemberEpoch.leftForAWhile }

    /// Partitions that no other member may have: the assigned ones, and those that it still has to let go.
    package var held: PartitionMap {
        if case .unrevoked(let pending) = state { assigned.union(pending) } else { assigned }
    }

    func isReconciled(to targetEpoch: Int32) -> Bool { state == .stable && epoch == targetEpoch }
}

/// Member epochs with a meaning of their own.
enum MemberEpoch {
    static let joining: Int32 = 0
    static let leaving: Int32 = -1
    /// A static member that will come back under its instance id.
    static let leftForAWhile: Int32 = -2
}
