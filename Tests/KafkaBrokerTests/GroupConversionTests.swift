import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Classic members in consumer groups, and groups that change from one protocol to the other.
@Suite struct GroupConversionTests {
    private func attempt(
        _ id: String, as memberID: String? = nil, instance: String? = nil, topics: [String] = ["t"],
        owned: [(String, [Int32])] = [], protocols: [String] = ["range"]
    ) -> JoinAttempt {
        var attempt = JoinAttempt()
        attempt.memberID = memberID ?? id
        attempt.instanceID = instance
        attempt.clientID = id
        attempt.sessionTimeout = 10_000
        attempt.rebalanceTimeout = 30_000
        attempt.proposals = protocols.map { .init(name: $0, metadata: subscription(topics, owned: owned)) }
        attempt.proposedMemberID = id
        return attempt
    }

    private func sync(_ id: String, _ generation: Int32) -> SyncGroupRequest {
        var request = SyncGroupRequest()
        request.memberID = id
        request.generationID = generation
        request.protocolType = "consumer"
        request.protocolName = "range"
        return request
    }

    private func heartbeat(_ id: String, _ generation: Int32) -> HeartbeatRequest {
        var request = HeartbeatRequest()
        request.memberID = id
        request.generationID = generation
        return request
    }

    private func partitions(_ assignment: ByteBuffer) -> [Int32] {
        ConsumerAssignment(assignment)?.topics.flatMap(\.partitions) ?? []
    }

    private func code(_ body: () throws(AdminRefusal) -> Void) -> ErrorCode {
        do throws(AdminRefusal) {
            try body()
            return .none
        } catch {
            return error.code
        }
    }

    @Test func `a classic member of a consumer group rebalances by heartbeats and joins`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a")

        let joined = try driver.group.join(attempt("c"), driver.context)

        #expect(joined.generationID == 2)
        #expect(joined.protocolName == "range")
        #expect(joined.leader == "", "nobody has to assign")
        #expect(partitions(try driver.group.sync(sync("c", 2), driver.context).assignment) == [])
        #expect(code { () throws(AdminRefusal) in try driver.group.heartbeat(heartbeat("c", 2), now: 0) } == .none)
        #expect(driver.group.members["c"]?.held.isEmpty == true)

        try driver.beat("a")
        try driver.beat("a")
        #expect(driver.owned("a") == [0, 1, 2])
        // Now they are free: the member is to come for them.
        #expect(
            code { () throws(AdminRefusal) in try driver.group.heartbeat(heartbeat("c", 2), now: 0) }
                == .rebalanceInProgress)
        #expect(driver.group.nextDeadline == 10_000)
        #expect(try driver.group.join(attempt("c"), driver.context).generationID == 2)
        #expect(partitions(try driver.group.sync(sync("c", 2), driver.context).assignment) == [3, 4, 5])
        #expect(code { () throws(AdminRefusal) in try driver.group.heartbeat(heartbeat("c", 2), now: 0) } == .none)
        #expect(driver.group.stateName == "Stable")
    }

    @Test func `a classic member lets go before others get it`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a")
        _ = try driver.group.join(attempt("c"), driver.context)
        try driver.leave("a")
        // The epoch is another one: the member is to join again.
        #expect(
            code { () throws(AdminRefusal) in _ = try driver.group.sync(sync("c", 2), driver.context) }
                == .rebalanceInProgress)
        #expect(try driver.group.join(attempt("c"), driver.context).generationID == 3)
        #expect(partitions(try driver.group.sync(sync("c", 3), driver.context).assignment).count == 6)
        try driver.join("b")
        #expect(
            code { () throws(AdminRefusal) in try driver.group.heartbeat(heartbeat("c", 3), now: 0) }
                == .rebalanceInProgress)

        // A cooperative client still has everything when it joins; its assignment tells what to give up.
        let all: [(String, [Int32])] = [("t", [0, 1, 2, 3, 4, 5])]
        #expect(try driver.group.join(attempt("c", owned: all), driver.context).generationID == 3)
        #expect(partitions(try driver.group.sync(sync("c", 3), driver.context).assignment) == [0, 1, 2])
        try driver.beat("b")
        #expect(driver.owned("b") == [])
        #expect(try driver.group.join(attempt("c", owned: [("t", [0, 1, 2])]), driver.context).generationID == 4)
        try driver.beat("b")
        #expect(driver.owned("b") == [3, 4, 5])
    }

    @Test func `classic members are refused what is not theirs`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a")
        _ = try driver.group.join(attempt("c"), driver.context)
        func sync(_ id: String, _ generation: Int32, name: String = "range") -> ErrorCode {
            var request = self.sync(id, generation)
            request.protocolName = name
            return code { () throws(AdminRefusal) in _ = try driver.group.sync(request, driver.context) }
        }
        #expect(sync("c", 2) == .none)
        #expect(sync("c", 1) == .illegalGeneration)
        #expect(sync("c", 2, name: "other") == .inconsistentGroupProtocol)
        #expect(sync("a", 2) == .unknownMemberID)
        #expect(sync("x", 2) == .unknownMemberID)
        #expect(
            code { () throws(AdminRefusal) in
                _ = try driver.group.join(attempt("d", protocols: ["other"]), driver.context)
            } == .inconsistentGroupProtocol)
        var nameless = attempt("d", as: "")
        #expect(try driver.group.join(nameless, driver.context).errorCode == .memberIDRequired)
        nameless.requiresKnownMemberID = false
        #expect(try driver.group.join(nameless, driver.context).errorCode == .none)
    }

    @Test func `a classic member that joins and never comes for its assignment is removed`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a")
        _ = try driver.group.join(attempt("c"), driver.context)
        try driver.tick(at: 9_999)
        #expect(driver.group.members.count == 2)
        try driver.tick(at: 10_000)
        #expect(driver.group.members.keys.map(\.text) == ["a"])
    }

    @Test func `a group with members goes up, and down again when the last of the newer protocol leaves`() throws {
        var driver = ConsumerGroupDriver()
        var classic = Group(id: "g", settings: .init(), now: 0)
        var ticket: Ticket = 1
        classic.join(
            {
                var first = attempt("c", as: ""); first.requiresKnownMemberID = false; return first
            }(), ticket: ticket,
            now: 0)
        ticket += 1
        var request = sync("c", 1)
        var assignment = SyncGroupRequest.SyncGroupRequestAssignment()
        assignment.memberID = "c"
        assignment.assignment = ConsumerAssignment.bytes(version: 1, [("t", [0, 1, 2, 3, 4, 5])])
        request.assignments = [assignment]
        classic.sync(request, ticket: ticket, now: 0)
        _ = classic.takeEffects()
        #expect(classic.stateName == "Stable")

        driver.group = try ConsumerGroup(upgrading: classic, driver.context)
        #expect(driver.group.members["c"]?.held.count == 6)
        #expect(driver.group.isClassicThroughout)
        try driver.join("a")
        #expect(!driver.group.isClassicThroughout)
        #expect(driver.owned("a") == [], "the classic member has them")
        #expect(
            code { () throws(AdminRefusal) in try driver.group.heartbeat(heartbeat("c", 1), now: 0) }
                == .rebalanceInProgress)
        #expect(try driver.group.join(attempt("c"), driver.context).generationID == 2)
        #expect(partitions(try driver.group.sync(sync("c", 2), driver.context).assignment).count == 3)
        try driver.beat("a")
        #expect(driver.owned("a").count == 3)

        try driver.leave("a")
        #expect(driver.group.isClassicThroughout)
        let down = Group(
            downgrading: driver.group, settings: .init(), topics: driver.topics, rebalances: true, now: 5)
        #expect(down.generation == driver.group.epoch)
        #expect(down.protocolType == "consumer")
        #expect(down.protocolName == "range")
        #expect(down.leader == "c")
        #expect(down.stateName == "PreparingRebalance")
        #expect(down.members["c"].map { partitions($0.assignment).count } == 3)
    }

    @Test func `a group whose assignor has data of its own stays what it is`() throws {
        let driver = ConsumerGroupDriver()
        var classic = Group(id: "g", settings: .init(), now: 0)
        var first = attempt("c", as: "")
        first.requiresKnownMemberID = false
        classic.join(first, ticket: 1, now: 0)
        var request = sync("c", 1)
        var assignment = SyncGroupRequest.SyncGroupRequestAssignment()
        assignment.memberID = "c"
        var bytes = ByteBuffer(integer: Int16(1))
        bytes.writeInteger(Int32(0))
        bytes.writeInteger(Int32(1))
        bytes.writeInteger(UInt8(7))
        assignment.assignment = bytes
        request.assignments = [assignment]
        classic.sync(request, ticket: 2, now: 0)

        #expect(
            code { () throws(AdminRefusal) in _ = try ConsumerGroup(upgrading: classic, driver.context) }
                == .groupIDNotFound)
    }
}
