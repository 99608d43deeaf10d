import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// The machine of a consumer group alone: time is a number, requests are calls.
@Suite(.printsSeed) struct ConsumerGroupMachineTests {
    private func refusal(_ body: () throws -> Void) -> ErrorCode? {
        do {
            try body()
            return nil
        } catch let error as AdminRefusal {
            return error.code
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    @Test func `a lone member has everything at once`() throws {
        var driver = ConsumerGroupDriver()

        try driver.join("a")

        #expect(driver.owned("a") == [0, 1, 2, 3, 4, 5])
        #expect(driver.clients["a"]?.epoch == 1)
        #expect(driver.group.stateName == "Stable")
        #expect((driver.group.epoch, driver.group.targetEpoch) == (1, 1))
    }

    @Test func `a newcomer waits for what another one has to let go`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a")

        try driver.join("b")

        #expect(driver.owned("b") == [])
        #expect(driver.clients["b"]?.epoch == 2)
        #expect(driver.group.stateName == "Reconciling")

        try driver.beat("b")
        #expect(driver.owned("b") == [], "a was not told yet")
        try driver.beat("a")
        #expect(driver.owned("a") == [0, 1, 2])
        #expect(driver.clients["a"]?.epoch == 1, "it has told of nothing yet")
        try driver.beat("b")
        #expect(driver.owned("b") == [], "a may still have them")
        try driver.beat("a")
        #expect(driver.clients["a"]?.epoch == 2)
        try driver.beat("b")
        #expect(driver.owned("b") == [3, 4, 5])
        #expect(driver.group.stateName == "Stable")
    }

    @Test func `a member that does not say what it has is taken to have it all`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a")
        try driver.join("b")
        try driver.beat("a")
        var request = ConsumerGroupHeartbeatRequest()
        request.memberID = "a"
        request.memberEpoch = 1

        #expect(try driver.send(request).memberEpoch == 1)
        #expect(driver.group.stateName == "Reconciling")
    }

    @Test func `an answer that was lost is given again`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a")
        try driver.join("b")
        try driver.settle()
        try driver.leave("b")
        let former = try #require(driver.clients["a"])
        // The answer with the new epoch does not arrive.
        #expect(try driver.send(former.request(isFull: false)).memberEpoch == 3)

        let again = try driver.send(former.request(isFull: true))

        #expect(again.memberEpoch == 3)
        #expect(again.assignment.map(PartitionMap.init)?.count == 6)
        var silent = former.request(isFull: false)
        silent.topicPartitions = nil
        #expect(refusal { _ = try driver.send(silent) } == .fencedMemberEpoch)
    }

    @Test(arguments: [
        (Int32(7), ErrorCode.fencedMemberEpoch), (1, .fencedMemberEpoch), (0, .fencedMemberEpoch), (6, nil), (5, nil),
    ]) func `a member is known by its epoch, or the one before`(epoch: Int32, error: ErrorCode?) throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a")
        for _ in 0..<2 {
            try driver.join("b")
            try driver.leave("b")
        }
        try driver.settle()
        #expect(driver.clients["a"]?.epoch == 5, "one up with each that comes or goes")
        try driver.join("c")
        try driver.settle()
        #expect(driver.clients["a"]?.epoch == 6)

        driver.clients["a"]?.epoch = epoch

        #expect(refusal { try driver.beat("a") } == error)
    }

    @Test func `unknown members are told so`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a")
        driver.clients["x"] = TestClient(id: "x", names: ["t"], epoch: 1)
        #expect(refusal { try driver.beat("x") } == .unknownMemberID)
        driver.clients["x"]?.instanceID = "i"
        #expect(refusal { try driver.beat("x") } == .unknownMemberID)
        #expect(refusal { try driver.leave("x") } == .unknownMemberID)
    }

    @Test func `a full group takes nobody else`() throws {
        var driver = ConsumerGroupDriver()
        driver.settings.maxSize = 1
        try driver.join("a")
        #expect(refusal { try driver.join("b") } == .groupMaxSizeReached)
        #expect(refusal { try driver.beat("a") } == nil)
    }

    @Test func `a static member comes back to what it had`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a", instance: "one")
        try driver.join("b", instance: "two")
        try driver.settle()
        let (epoch, owned) = (driver.group.epoch, driver.owned("a"))

        #expect(refusal { try driver.join("c", instance: "one") } == .unreleasedInstanceID)
        try driver.leave("a", epoch: -2)
        #expect(driver.group.members.count == 2, "its place is kept")
        try driver.join("c", instance: "one")

        #expect(driver.owned("c") == owned)
        #expect(driver.group.epoch == epoch, "nothing changed for the others")
        driver.clients["a"] = TestClient(id: "a", instanceID: "one", names: ["t"], epoch: epoch)
        #expect(refusal { try driver.beat("a") } == .fencedInstanceID)
    }

    @Test func `a static member that stays away is removed after its session`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a", instance: "one")
        try driver.leave("a", epoch: -2)
        try driver.tick(at: 44_999)
        #expect(driver.group.members.count == 1)
        try driver.tick(at: 45_000)
        #expect(driver.group.isEmpty)
        #expect(driver.group.stateName == "Empty")
    }

    @Test func `who is not heard from loses its partitions to the others`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a")
        try driver.join("b")
        try driver.settle()
        driver.now = 20_000
        try driver.beat("a")

        try driver.tick(at: 45_000)

        #expect(driver.group.members.count == 1)
        driver.clients["b"] = nil
        try driver.settle()
        #expect(driver.owned("a") == [0, 1, 2, 3, 4, 5])
    }

    @Test func `who does not let go in time is removed`() throws {
        var driver = ConsumerGroupDriver()
        try driver.join("a")
        try driver.join("b")
        let former = try #require(driver.clients["a"])
        for time in stride(from: Int64(10_000), through: 60_000, by: 10_000) {
            driver.now = time
            _ = try driver.send(former.request(isFull: false))
            try driver.beat("b")
        }
        #expect(driver.group.nextDeadline == 70_000)

        try driver.tick(at: 70_000)

        #expect(driver.group.members.keys.map(\.text) == ["b"])
        driver.clients["a"] = nil
        try driver.settle()
        #expect(driver.owned("b") == [0, 1, 2, 3, 4, 5])
    }

    @Test func `topics that come, grow and go are noticed by the next heartbeat`() throws {
        var driver = ConsumerGroupDriver(["logs-a": 2, "other": 3])
        try driver.join("a", expression: "logs-.*")
        #expect(driver.clients["a"]?.owned.count == 2)

        driver.topics.set("logs-b", 1)
        try driver.settle()
        try driver.beat("a")
        #expect(driver.clients["a"]?.owned.count == 3)
        driver.topics.set("logs-b", 2)
        try driver.beat("a")
        #expect(driver.owned("a", "logs-b") == [0, 1])
        driver.topics.set("else", 2)
        let epoch = driver.group.epoch
        try driver.beat("a")
        #expect(driver.group.epoch == epoch, "no topic of its own")
        driver.topics.remove("logs-a")
        try driver.beat("a")
        #expect(driver.clients["a"]?.owned.count == 2)
        driver.topics.hidden = ["logs-b"]
        driver.topics.set("else", 3)
        try driver.beat("a")
        #expect(driver.clients["a"]?.owned.isEmpty == true, "what it may not see it does not match")
    }

    @Test func `the assignor that most members want is taken`() throws {
        var driver = ConsumerGroupDriver()
        #expect(driver.group.assignor(of: [.uniform, .range]) == .uniform)
        try driver.join("a", assignor: "range")
        #expect(driver.group.assignor(of: [.uniform, .range]) == .range)
        try driver.join("b", assignor: "uniform")
        #expect(driver.group.assignor(of: [.uniform, .range]) == .uniform)
        try driver.join("c", assignor: "range")
        #expect(driver.group.assignor(of: [.uniform, .range]) == .range)
    }

    @Test func `offsets are committed and read in the present epoch`() throws {
        var driver = ConsumerGroupDriver()
        func commit(_ member: String, _ epoch: Int32, transactional: Bool = false, knows: Bool = true) -> ErrorCode {
            driver.group.admitCommit(
                memberID: member, epoch: epoch, isTransactional: transactional, knowsEpochs: knows)
        }
        #expect(commit("", -1) == .none)
        try driver.join("a")
        #expect(commit("", -1) == .unknownMemberID)
        #expect(commit("a", 1) == .none)
        #expect(commit("a", 0) == .staleMemberEpoch)
        #expect(commit("a", 2) == .staleMemberEpoch)
        #expect(commit("a", 1, knows: false) == .unsupportedVersion)
        #expect(commit("a", 1, transactional: true, knows: false) == .none)
        #expect(driver.group.admitFetch(memberID: nil, epoch: -1) == .none)
        #expect(driver.group.admitFetch(memberID: "a", epoch: 1) == .none)
        #expect(driver.group.admitFetch(memberID: "a", epoch: 2) == .staleMemberEpoch)
        #expect(driver.group.admitFetch(memberID: "b", epoch: 1) == .unknownMemberID)
    }

    /// Members come, go and lose answers, topics change, the broker restarts: no partition is ever with two clients, and
    /// when it is quiet everybody has its share.
    @Test(arguments: UInt64(1)...150) func `no partition has two owners, whatever happens`(seed: UInt64) throws {
        var dice = seeded(seed)
        var driver = ConsumerGroupDriver(["t": 7, "u": 3])
        let instances = [nil, "one", nil, "two", nil]
        for _ in 0..<120 {
            let id = "m\(dice.next() % 5)"
            let instance = instances[Int(String(id.dropFirst())) ?? 0]
            let isMember = driver.clients[id] != nil
            do {
                switch dice.next() % 12 {
                case 0...1 where !isMember:
                    let topics = [["t"], ["t", "u"], ["u"]][Int(dice.next() % 3)]
                    try driver.join(id, instance: instance, names: topics)
                case 2 where isMember: try driver.leave(id, epoch: instance != nil && dice.next() % 2 == 0 ? -2 : -1)
                case 3 where isMember:
                    // An answer gets lost.
                    if let client = driver.clients[id] { _ = try driver.send(client.request(isFull: true)) }
                    try driver.write()
                case 4:
                    let partitions = driver.topics.topic(named: "t")?.partitions ?? 0
                    if partitions < 12 { driver.topics.set("t", partitions + 1) }
                case 5: driver.group = driver.restored()
                case 6:
                    driver.now += 5_000
                    try driver.tick(at: driver.now)
                    // A client notices by itself that its session is over.
                    driver.clients = driver.clients.filter { driver.group.members[ExactName($0.key)] != nil }
                default: try driver.beat(id, isFull: dice.next() % 4 == 0)
                }
            } catch let error as AdminRefusal {
                // It gives up what it has; it joins again when it is known no longer.
                #expect(
                    [.unknownMemberID, .fencedMemberEpoch, .unreleasedInstanceID].contains(error.code),
                    "\(error.message)")
                driver.clients[id] = nil
            }
            try check(driver)
        }
        for id in driver.clients.keys.sorted() {
            if refusal({ try driver.beat(id, isFull: true) }) != nil { driver.clients[id] = nil }
        }
        // Those that are gone without a word are so for the group, too.
        for id in driver.group.members.keys.map(\.text) where driver.clients[id] == nil {
            driver.clients[id] = TestClient(id: id)
            driver.clients[id]?.instanceID = driver.group.members[ExactName(id)]?.instanceID
            try driver.leave(id)
        }
        try driver.settle()
        let wanted = Set(driver.group.members.values.flatMap(\.subscription.names))
        for name in wanted {
            let shape = try #require(driver.topics.topic(named: name))
            let all = driver.clients.values.flatMap { $0.owned[shape.id] }
            #expect(all.sorted() == Array(0..<shape.partitions), "everything is with somebody")
        }
    }

    private func check(_ driver: ConsumerGroupDriver) throws {
        var all = PartitionMap()
        for client in driver.clients.values {
            #expect(client.owned.isDisjoint(with: all), "one owner")
            all = all.union(client.owned)
        }
        let again = driver.restored()
        #expect(again.members == driver.group.members, "what is written is what there is")
        #expect(again.targets == driver.group.targets)
        #expect((again.epoch, again.targetEpoch) == (driver.group.epoch, driver.group.targetEpoch))
    }
}
