import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// The group machine alone: time is a number, requests are calls.
@Suite struct GroupTests {
    /// Drives a machine and keeps the answers.
    private struct Driver {
        var group: Group
        var joined: [Ticket: JoinGroupResponse] = [:]
        var synced: [Ticket: SyncGroupResponse] = [:]
        var persisted = 0
        var now: Int64 = 0
        private var lastTicket: Ticket = 0

        init(delay: Int64 = 0, maxSize: Int = .max) {
            group = Group(
                id: "g", settings: .init(initialRebalanceDelay: delay, maxSize: maxSize), now: 0)
        }

        mutating func collect() {
            for effect in group.takeEffects() {
                switch effect {
                case .joined(let ticket, let response): joined[ticket] = response
                case .synced(let ticket, let response): synced[ticket] = response
                case .persist: persisted += 1
                }
            }
        }

        /// Joins as a client named `id`, which also becomes its member id.
        @discardableResult
        mutating func join(
            _ id: String, as memberID: String? = nil, instance: String? = nil, protocols: [String] = ["range"],
            type: String = "consumer", session: Int64 = 10_000, rebalance: Int64 = 60_000, version: Int16 = 3
        ) -> Ticket {
            var attempt = JoinAttempt()
            attempt.memberID = memberID ?? ""
            attempt.instanceID = instance
            attempt.clientID = id
            attempt.protocolType = type
            attempt.proposals = protocols.map { .init(name: $0, metadata: ByteBuffer(string: "\(id):\($0)")) }
            attempt.sessionTimeout = session
            attempt.rebalanceTimeout = rebalance
            attempt.requiresKnownMemberID = version >= 4
            attempt.canSkipAssignment = version >= 9
            attempt.proposedMemberID = id
            lastTicket += 1
            group.join(attempt, ticket: lastTicket, now: now)
            collect()
            return lastTicket
        }

        @discardableResult
        mutating func sync(
            _ id: String, generation: Int32? = nil, assignments: [String] = [], protocolName: String? = nil
        ) -> Ticket {
            var request = SyncGroupRequest()
            request.memberID = id
            request.generationID = generation ?? group.generation
            request.protocolName = protocolName
            request.assignments = assignments.map { member in
                var assignment = SyncGroupRequest.SyncGroupRequestAssignment()
                assignment.memberID = member
                assignment.assignment = ByteBuffer(string: "for \(member)")
                return assignment
            }
            lastTicket += 1
            group.sync(request, ticket: lastTicket, now: now)
            collect()
            return lastTicket
        }

        mutating func heartbeat(_ id: String, generation: Int32? = nil, instance: String? = nil) -> ErrorCode {
            var request = HeartbeatRequest()
            request.memberID = id
            request.generationID = generation ?? group.generation
            request.groupInstanceID = instance
            defer { collect() }
            return group.heartbeat(request, now: now)
        }

        mutating func leave(_ id: String, instance: String? = nil) -> ErrorCode {
            defer { collect() }
            return group.leave(memberID: id, instanceID: instance, now: now)
        }

        mutating func advance(to time: Int64) {
            now = time
            group.tick(now: now)
            collect()
        }

        /// Brings members a and b into a stable group of generation 2.
        mutating func settle() {
            join("a")
            sync("a", assignments: ["a"])
            join("b")
            join("a", as: "a")
            sync("b")
            sync("a", assignments: ["a", "b"])
        }
    }

    @Test func `a lone member leads, and is stable after its assignment`() {
        var driver = Driver()

        let join = driver.join("a")

        #expect(driver.joined[join]?.errorCode == ErrorCode.none)
        #expect(driver.joined[join]?.leader == "a")
        #expect(driver.joined[join]?.generationID == 1)
        #expect(driver.joined[join]?.protocolName == "range")
        #expect(driver.joined[join]?.members.map(\.memberID) == ["a"])
        #expect(driver.group.stateName == "CompletingRebalance")

        let sync = driver.sync("a", assignments: ["a"])

        #expect(driver.synced[sync]?.assignment == ByteBuffer(string: "for a"))
        #expect(driver.group.stateName == "Stable")
        #expect(driver.persisted == 1)
    }

    @Test func `a second member makes the first one join again`() {
        var driver = Driver()
        driver.join("a")
        driver.sync("a", assignments: ["a"])

        let second = driver.join("b")

        #expect(driver.joined[second] == nil, "it waits for the first member")
        #expect(driver.heartbeat("a") == .rebalanceInProgress)

        let first = driver.join("a", as: "a")

        #expect(driver.joined[first]?.generationID == 2)
        #expect(driver.joined[first]?.members.map(\.memberID) == ["a", "b"])
        #expect(driver.joined[second]?.members.isEmpty == true, "only the leader is told")

        let follower = driver.sync("b")
        #expect(driver.synced[follower] == nil, "it waits for the leader")
        driver.sync("a", assignments: ["a", "b"])
        #expect(driver.synced[follower]?.assignment == ByteBuffer(string: "for b"))
    }

    @Test func `from version 4 on a newcomer is given its id first`() {
        var driver = Driver()

        let first = driver.join("a", version: 4)

        #expect(driver.joined[first]?.errorCode == .memberIDRequired)
        #expect(driver.joined[first]?.memberID == "a")
        #expect(driver.group.stateName == "Empty")

        let second = driver.join("a", as: "a", version: 4)

        #expect(driver.joined[second]?.errorCode == ErrorCode.none)
    }

    @Test func `an id that was given and not used expires with the session`() {
        var driver = Driver()
        driver.join("a", session: 10_000, version: 4)

        driver.advance(to: 10_000)

        let late = driver.join("a", as: "a", version: 4)
        #expect(driver.joined[late]?.errorCode == .unknownMemberID)
    }

    @Test func `the first rebalance waits for its delay and longer while members come`() {
        var driver = Driver(delay: 100)

        let first = driver.join("a", rebalance: 1_000)
        driver.advance(to: 60)
        let second = driver.join("b", rebalance: 1_000)
        driver.advance(to: 100)
        #expect(driver.joined[first] == nil, "b came during the delay: it begins again")
        driver.advance(to: 200)

        #expect(driver.joined[first]?.members.count == 2)
        #expect(driver.joined[second]?.generationID == 1)
    }

    @Test func `the protocol with the most votes that everybody speaks is chosen`() {
        var driver = Driver(delay: 10)

        let ticket = driver.join("a", protocols: ["sticky", "range", "roundrobin"])
        driver.join("b", protocols: ["roundrobin", "range"])
        driver.join("c", protocols: ["range", "roundrobin"])
        driver.join("d", protocols: ["roundrobin"])
        driver.advance(to: 10)
        driver.advance(to: 20)

        #expect(driver.joined[ticket]?.protocolName == "roundrobin")
    }

    @Test(arguments: [("consumer", ["sticky"]), ("connect", ["range"]), ("", ["range"]), ("consumer", [])])
    func `a member without a common protocol is refused`(type: String, protocols: [String]) {
        var driver = Driver()
        driver.join("a")

        let ticket = driver.join("b", protocols: protocols, type: type)

        #expect(driver.joined[ticket]?.errorCode == .inconsistentGroupProtocol)
    }

    @Test func `a member that falls silent is removed and the others rebalance`() {
        var driver = Driver()
        driver.settle()
        driver.advance(to: 9_000)
        #expect(driver.heartbeat("a") == .none)

        driver.advance(to: 10_001)

        #expect(driver.group.stateName == "PreparingRebalance")
        #expect(driver.heartbeat("b") == .unknownMemberID)
        #expect(driver.heartbeat("a") == .rebalanceInProgress)
        let join = driver.join("a", as: "a")
        #expect(driver.joined[join]?.members.map(\.memberID) == ["a"])
    }

    @Test func `a member that does not join again in time is left behind`() {
        var driver = Driver()
        driver.settle()
        driver.join("c", rebalance: 500)
        let join = driver.join("b", as: "b")
        #expect(driver.group.stateName == "PreparingRebalance")

        for time in stride(from: Int64(5_000), through: 60_000, by: 5_000) {
            driver.advance(to: time)
            _ = driver.heartbeat("a")
        }
        driver.advance(to: 60_000)

        #expect(driver.joined[join]?.generationID == 3)
        #expect(Set(driver.group.members.keys) == ["b", "c"])
        #expect(driver.group.members[driver.group.leader ?? ""] != nil, "the leader is one who joined")
    }

    @Test func `a member that joined and never asks for its assignment is removed`() {
        var driver = Driver()
        driver.join("a", session: 100_000, rebalance: 5_000)
        #expect(driver.group.nextDeadline == 5_000)

        driver.advance(to: 5_000)

        #expect(driver.group.members.isEmpty)
        #expect(driver.group.stateName == "Empty")
    }

    @Test func `the last member to leave empties the group, which is written down`() {
        var driver = Driver()
        driver.join("a")
        driver.sync("a", assignments: ["a"])

        #expect(driver.leave("a") == .none)

        #expect(driver.group.stateName == "Empty")
        #expect(driver.group.generation == 2)
        #expect(driver.persisted == 2)
        #expect(driver.group.nextDeadline == nil)
        #expect(driver.leave("a") == .unknownMemberID)
    }

    @Test func `a follower whose subscription did not change joins without a rebalance`() {
        var driver = Driver()
        driver.settle()

        let same = driver.join("b", as: "b")
        #expect(driver.joined[same]?.generationID == 2)
        #expect(driver.group.stateName == "Stable")

        driver.join("b", as: "b", protocols: ["range", "sticky"])
        #expect(driver.group.stateName == "PreparingRebalance")
    }

    @Test func `the leader may call for a rebalance by joining again`() {
        var driver = Driver()
        driver.settle()

        driver.join("a", as: "a")

        #expect(driver.group.stateName == "PreparingRebalance")
    }

    @Test func `a join during the wait for the assignment sends the waiting back`() {
        var driver = Driver()
        driver.join("a")
        driver.sync("a", assignments: ["a"])
        driver.join("b")
        driver.join("a", as: "a")
        let waiting = driver.sync("b")

        driver.join("c")

        #expect(driver.synced[waiting]?.errorCode == .rebalanceInProgress)
    }

    @Test func `requests of another generation are refused`() {
        var driver = Driver()
        driver.settle()

        let sync = driver.sync("a", generation: 1)

        #expect(driver.synced[sync]?.errorCode == .illegalGeneration)
        #expect(driver.heartbeat("a", generation: 1) == .illegalGeneration)
        #expect(
            driver.group.admitCommit(memberID: "a", instanceID: nil, generation: 1, now: 0) == .illegalGeneration)
    }

    @Test func `a sync that names another protocol is refused`() {
        var driver = Driver()
        driver.settle()

        let sync = driver.sync("a", protocolName: "sticky")

        #expect(driver.synced[sync]?.errorCode == .inconsistentGroupProtocol)
    }

    @Test func `a full group takes no more`() {
        var driver = Driver(maxSize: 2)
        driver.settle()

        let ticket = driver.join("c")

        #expect(driver.joined[ticket]?.errorCode == .groupMaxSizeReached)
    }

    @Test func `commits are taken from members, and from anybody while there are none`() {
        var driver = Driver()
        #expect(driver.group.admitCommit(memberID: "", instanceID: nil, generation: -1, now: 0) == .none)

        driver.join("a")
        #expect(driver.group.admitCommit(memberID: "a", instanceID: nil, generation: 1, now: 0) == .rebalanceInProgress)
        driver.sync("a", assignments: ["a"])

        #expect(driver.group.admitCommit(memberID: "", instanceID: nil, generation: -1, now: 0) == .unknownMemberID)
        #expect(driver.group.admitCommit(memberID: "a", instanceID: nil, generation: 1, now: 0) == .none)
        #expect(driver.group.admitCommit(memberID: "x", instanceID: nil, generation: 1, now: 0) == .unknownMemberID)
        driver.join("b")
        #expect(
            driver.group.admitCommit(memberID: "a", instanceID: nil, generation: 1, now: 0) == .none,
            "members commit what they hold before they join again")
    }
}

/// Static members (KIP-345).
extension GroupTests {
    @Test func `a static member that comes back keeps its place without a rebalance`() {
        var driver = Driver()
        driver.join("a1", instance: "a")
        driver.sync("a1", assignments: ["a1"])

        let back = driver.join("a2", instance: "a", version: 9)

        #expect(driver.joined[back]?.memberID == "a2")
        #expect(driver.joined[back]?.generationID == 1)
        #expect(driver.joined[back]?.skipAssignment == true)
        #expect(driver.joined[back]?.leader == "a2")
        #expect(driver.group.stateName == "Stable")
        let sync = driver.sync("a2")
        #expect(driver.synced[sync]?.assignment == ByteBuffer(string: "for a1"))
    }

    @Test func `before version 9 a returning leader is told of its former self`() {
        var driver = Driver()
        driver.join("a1", instance: "a")
        driver.sync("a1", assignments: ["a1"])

        let back = driver.join("a2", instance: "a", version: 5)

        #expect(driver.joined[back]?.leader == "a1")
        #expect(driver.joined[back]?.members.isEmpty == true)
    }

    @Test func `the former self of a static member is fenced`() {
        var driver = Driver()
        driver.join("a1", instance: "a")
        driver.sync("a1", assignments: ["a1"])
        driver.join("a2", instance: "a")

        #expect(driver.heartbeat("a1", instance: "a") == .fencedInstanceID)
        #expect(driver.leave("a1", instance: "a") == .fencedInstanceID)
        #expect(driver.heartbeat("a2", instance: "a") == .none)
        #expect(driver.heartbeat("a2", instance: "other") == .unknownMemberID)
    }

    @Test func `a static member that waits is fenced when another takes its place`() {
        var driver = Driver()
        driver.settle()
        let waiting = driver.join("s1", instance: "s")

        driver.join("s2", instance: "s")

        #expect(driver.joined[waiting]?.errorCode == .fencedInstanceID)
    }

    @Test func `a returning static member with another protocol brings a rebalance`() {
        var driver = Driver()
        driver.join("a1", instance: "a", protocols: ["range", "sticky"])
        driver.sync("a1", assignments: ["a1"])

        let back = driver.join("a2", instance: "a", protocols: ["sticky"])

        #expect(driver.joined[back]?.generationID == 2)
        #expect(driver.joined[back]?.protocolName == "sticky")
    }

    @Test func `an administrator removes a static member by its instance id alone`() {
        var driver = Driver()
        driver.join("a1", instance: "a")
        driver.sync("a1", assignments: ["a1"])

        #expect(driver.leave("", instance: "a") == .none)
        #expect(driver.leave("", instance: "a") == .unknownMemberID)
        #expect(driver.group.stateName == "Empty")
    }
}
