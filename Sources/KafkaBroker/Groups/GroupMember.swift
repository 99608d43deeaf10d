import KafkaWire
import NIOCore

/// A number under which the coordinator keeps an unanswered JoinGroup or SyncGroup request.
typealias Ticket = UInt64

/// One member of a group and what the coordinator waits for from it.
struct GroupMember {
    typealias Proposal = JoinGroupRequest.JoinGroupRequestProtocol

    var id: String
    /// Set for static members (KIP-345): the name that outlives the member id.
    let instanceID: String?
    var clientID: String
    var clientHost: String
    var sessionTimeout: Int64
    var rebalanceTimeout: Int64
    /// Assignors in the member's order of preference, each with its subscription.
    var proposals: [Proposal]
    var assignment = ByteBuffer()
    /// The request to answer when the rebalance completes.
    var joining: Ticket?
    /// The request to answer when the leader has brought the assignment.
    var syncing: Ticket?
    /// When the member is removed unless it is heard from.
    var deadline: Int64
    /// Until its first rebalance completes a member can expire although it waits.
    var isNew = true

    func hasExpired(at now: Int64) -> Bool {
        deadline <= now && (isNew || (joining == nil && syncing == nil))
    }

    func metadata(of protocolName: String?) -> ByteBuffer {
        proposals.first { $0.name == protocolName }?.metadata ?? ByteBuffer()
    }
}

/// What a JoinGroup request says, with what its version and connection add.
struct JoinAttempt {
    var memberID = ""
    var instanceID: String?
    var clientID = ""
    var clientHost = ""
    var sessionTimeout: Int64 = 30_000
    var rebalanceTimeout: Int64 = 60_000
    var protocolType = "consumer"
    var proposals: [GroupMember.Proposal] = []
    /// From version 4 a new dynamic member is given its id first and joins with it (KIP-394).
    var requiresKnownMemberID = true
    /// From version 9 a returning static leader is told that there is nothing to assign (KIP-814).
    var canSkipAssignment = true
    /// The id to give to a member that has none yet.
    var proposedMemberID = ""
}

/// Answers that a step of the group machine calls for.
enum GroupEffect {
    case joined(Ticket, JoinGroupResponse)
    case synced(Ticket, SyncGroupResponse)
    /// Generation, members or assignments are settled and should survive a restart.
    case persist
}
