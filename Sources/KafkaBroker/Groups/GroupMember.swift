package import KafkaWire
package import NIOCore

/// A number under which the coordinator keeps an unanswered JoinGroup or SyncGroup request.
package typealias Ticket = UInt64

/// One member of a group and what the coordinator waits for from it.
package struct GroupMember {
    package typealias Proposal = JoinGroupRequest.JoinGroupRequestProtocol

    package internal(set) var id: String
    /// Set for static members (KIP-345): the name that outlives the member id.
    package let instanceID: String?
    var clientID: String
    var clientHost: String
    var sessionTimeout: Int64
    var rebalanceTimeout: Int64
    /// Assignors in the member's order of preference, each with its subscription.
    var proposals: [Proposal]
    package internal(set) var assignment = ByteBuffer()
    /// The request to answer when the rebalance completes.
    var joining: Ticket?
    /// The request to answer when the leader has brought the assignment.
    var syncing: Ticket?
    /// Time at which the member is removed unless it is heard from.
    var deadline: Int64
    /// True until its first rebalance completes: the member can expire although it waits.
    var isNew = true

    func hasExpired(at now: Int64) -> Bool {
        deadline <= now && (isNew || (joining == nil && syncing == nil))
    }

    func metadata(of protocolName: String?) -> ByteBuffer {
        proposals.first { protocolName.map($0.name.isExactly) == true }?.metadata ?? ByteBuffer()
    }

    func supports(_ protocolName: String) -> Bool { proposals.contains { $0.name.isExactly(protocolName) } }

    /// Returns true if these are the member's proposals to the byte.
    func proposes(_ others: [Proposal]) -> Bool {
        proposals == others && zip(proposals, others).allSatisfy { $0.name.isExactly($1.name) }
    }
}

/// A JoinGroup request, with what its version and connection add.
package struct JoinAttempt {
    package var memberID = ""
    package var instanceID: String?
    package var clientID = ""
    package var clientHost = ""
    package var sessionTimeout: Int64 = 30_000
    package var rebalanceTimeout: Int64 = 60_000
    package var protocolType = "consumer"
    package var proposals: [GroupMember.Proposal] = []
    /// From version 4 a new dynamic member is given its id first and joins with it (KIP-394).
    package var requiresKnownMemberID = true
    /// From version 9 a returning static leader is told that there is nothing to assign (KIP-814).
    package var canSkipAssignment = true
    /// The id to give to a member that has none yet.
    package var proposedMemberID = ""

    package init() {}
}

/// Answers that a step of the group machine calls for.
package enum GroupEffect {
    case joined(Ticket, JoinGroupResponse)
    case synced(Ticket, SyncGroupResponse)
    /// Generation, members or assignments are settled and should survive a restart.
    case persist
}
