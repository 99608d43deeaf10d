import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// Each event in each phase, without a shard, sockets or time.
@Suite struct PartitionReplicatorTests {
    // The table: phase × event.

    enum Start: CaseIterable {
        case recovering, idle, busy, unknownOutcome, awaitingCheckpoint, failed

        func driver(_ policy: LossPolicy) throws -> PartitionDriver {
            let policies: (inout FlowPolicies) -> Void = {
                $0.recreated = policy
                $0.truncated = policy
            }
            switch self {
            case .recovering: return PartitionDriver(.exactlyOnce, policies)
            case .idle: return try .streaming(.exactlyOnce, policies)
            case .busy: return try .streaming(.exactlyOnce, inFlight: 1, policies)
            case .unknownOutcome:
                var driver = try PartitionDriver.streaming(.exactlyOnce, inFlight: 1, policies)
                driver.lose()
                return driver
            case .awaitingCheckpoint:
                var driver = try PartitionDriver.streaming(.exactlyOnce, policies)
                driver.event { $0.targetDescribed(topicID: PartitionDriver.targetID, leader: 2, epoch: 1) }
                try driver.recover(end: 4, epoch: 1)
                return driver
            case .failed:
                var driver = try PartitionDriver.streaming(.exactlyOnce, policies)
                driver.fetch(error: .topicAuthorizationFailed)
                return driver
            }
        }
    }

    enum Event: CaseIterable {
        case leaderEpoch, targetRecreated, sourceRecreated, sourceTruncated, checkpointed, paused, tick, abandoned

        func happen(_ driver: inout PartitionDriver) {
            driver.event { partition in
                switch self {
                case .leaderEpoch: partition.targetDescribed(topicID: PartitionDriver.targetID, leader: 3, epoch: 5)
                case .targetRecreated:
                    partition.targetDescribed(topicID: KafkaUUID(high: 9, low: 9), leader: 2, epoch: 0)
                case .sourceRecreated:
                    partition.sourceDescribed(
                        topicID: KafkaUUID(high: 8, low: 8), leader: PartitionLeader(broker: 1, epoch: 0))
                case .sourceTruncated: partition.sourceTruncated(endsAt: 99, epoch: 2)
                case .checkpointed: partition.checkpointed()
                case .paused: partition.setPaused(true)
                case .tick: partition.tick(now: .distantFuture)
                case .abandoned: partition.abandon()
                }
            }
        }
    }

    private func name(_ phase: PartitionPhase) -> String {
        switch phase {
        case .recovering(let recovering): recovering.isSourceReplaced ? "recovering, replaced" : "recovering"
        case .streaming: "streaming"
        case .unknownOutcome: "unknown"
        case .awaitingCheckpoint(let recovering): recovering.isSourceReplaced ? "awaiting, replaced" : "awaiting"
        case .failed: "failed"
        }
    }

    private static let outcomes: [Start: [Event: String]] = [
        .recovering: [
            .leaderEpoch: "recovering", .targetRecreated: "recovering", .sourceRecreated: "recovering, replaced",
            .sourceTruncated: "recovering, replaced", .checkpointed: "recovering", .abandoned: "recovering",
        ],
        .idle: [
            .leaderEpoch: "unknown", .targetRecreated: "unknown", .sourceRecreated: "streaming",
            .sourceTruncated: "streaming", .checkpointed: "streaming", .abandoned: "streaming",
        ],
        .busy: [
            .leaderEpoch: "unknown", .targetRecreated: "unknown", .sourceRecreated: "recovering, replaced",
            .sourceTruncated: "recovering, replaced", .checkpointed: "streaming", .abandoned: "failed",
        ],
        .unknownOutcome: [
            .leaderEpoch: "unknown", .targetRecreated: "unknown", .sourceRecreated: "recovering, replaced",
            .sourceTruncated: "recovering, replaced", .checkpointed: "unknown", .abandoned: "failed",
        ],
        .awaitingCheckpoint: [
            .leaderEpoch: "awaiting", .targetRecreated: "awaiting", .sourceRecreated: "awaiting, replaced",
            .sourceTruncated: "awaiting, replaced", .checkpointed: "recovering", .abandoned: "awaiting",
        ],
    ]

    @Test(arguments: Start.allCases, Event.allCases)
    func `each event leads from each phase to its next`(start: Start, event: Event) throws {
        var driver = try start.driver(.continue)
        let before = name(driver.partition.phase)
        event.happen(&driver)
        #expect(name(driver.partition.phase) == Self.outcomes[start]?[event] ?? before)
    }

    @Test(arguments: Start.allCases, [Event.sourceRecreated, .sourceTruncated])
    func `a lost source stops the partition unless policy says otherwise`(start: Start, event: Event) throws {
        var driver = try start.driver(.stop)
        event.happen(&driver)
        #expect(name(driver.partition.phase) == "failed")
    }

    @Test(arguments: Start.allCases)
    func `only streaming partitions send, and only those that know the target's log are read`(start: Start) throws {
        let partition = try start.driver(.stop).partition
        #expect(partition.isReadyToSend == false)
        #expect((partition.fetchWish(limit: 1 << 20) != nil) == [.idle, .busy, .unknownOutcome].contains(start))
        #expect(partition.recoveryIsDue == [.recovering, .unknownOutcome].contains(start))
        #expect((partition.checkpoint != nil) == [.idle, .busy, .unknownOutcome, .awaitingCheckpoint].contains(start))
    }

    // Trying again.

    @Test(arguments: Start.allCases)
    func `only a partition that has failed is tried again`(start: Start) throws {
        var driver = try start.driver(.stop)
        let before = name(driver.partition.phase)
        var isRetried = false
        driver.event { isRetried = $0.retry() }
        #expect(isRetried == (start == .failed))
        #expect(name(driver.partition.phase) == (start == .failed ? "recovering" : before))
    }

    @Test func `a description that says nothing new is no event, and each of its parts is one when it is new`() throws {
        var driver = try PartitionDriver.streaming(copied: 0)
        let leader = PartitionLeader(broker: 1, epoch: 0)
        func source(_ id: KafkaUUID, _ leader: PartitionLeader?) -> Bool {
            driver.partition.sourceDiffers(topicID: id, leader: leader)
        }
        func target(_ id: KafkaUUID, _ leader: Int32?, _ epoch: Int32) -> Bool {
            driver.partition.targetDiffers(topicID: id, leader: leader, epoch: epoch)
        }
        let (sourceID, targetID) = (PartitionDriver.sourceID, PartitionDriver.targetID)
        let other = KafkaUUID(high: 9, low: 9)
        #expect(!source(sourceID, leader))
        #expect(!source(.zero, leader), "a cluster that tells no id")
        #expect(source(sourceID, nil))
        #expect(source(sourceID, PartitionLeader(broker: 1, epoch: 1)))
        #expect(source(sourceID, PartitionLeader(broker: 2, epoch: 0)))
        #expect(source(other, leader))
        #expect(!target(targetID, 2, 0))
        #expect(!target(targetID, 2, -1), "an epoch from before")
        #expect(target(targetID, nil, 0))
        #expect(target(targetID, 2, 1))
        #expect(target(targetID, 3, 0))
        #expect(target(other, 2, 0))
        // Without a leader nothing else is believed.
        driver.event { $0.targetDescribed(topicID: targetID, leader: nil, epoch: 0) }
        #expect(!target(other, nil, 9))
        #expect(target(targetID, 2, 0))
    }

    @Test func `a partition whose position is not known is not tried again: it would begin somewhere`() {
        var driver = PartitionDriver(position: 0)
        driver.event { $0.failWithoutPosition(PartitionFailure(.unreadable, "its checkpoint is damaged")) }
        var isRetried = true
        driver.event { isRetried = $0.retry() }
        #expect(!isRetried)
        #expect(!driver.partition.isActive)
    }

    enum LateAnswer: CaseIterable { case beforeIt, afterIt }

    @Test(arguments: LateAnswer.allCases)
    func `a partition that is tried again finds out what the target has, and reads on from there`(
        answers: LateAnswer
    ) throws {
        var driver = try PartitionDriver.streaming(inFlight: 1)
        driver.fetch(error: .topicAuthorizationFailed)
        #expect(!driver.partition.isActive)
        if answers == .beforeIt { driver.answer(baseOffset: 10) }
        driver.event { _ = $0.retry() }
        if answers == .afterIt {
            #expect(!driver.partition.recoveryIsDue, "the answer to what was on its way is still to come")
            driver.answer(baseOffset: 10)
        }
        #expect(driver.partition.recoveryIsDue)
        let copy = try PartitionDriver.batch(
            10, count: 10, source: 110, producerID: PartitionDriver.producerID, epoch: 0, sequence: 10)
        try driver.recover(end: 20, log: [copy], sourceLog: [try PartitionDriver.batch(110, count: 20)])
        #expect(driver.partition.isStreaming)
        #expect(driver.partition.completedOffset == 120)
        #expect(driver.partition.fetchWish(limit: 1 << 20)?.offset == 120)
        try driver.fetch(10)
        driver.send()
        driver.answer(baseOffset: 20)
        #expect(driver.partition.completedOffset == 130)
        #expect(driver.partition.accounting.imbalance(passed: 130) == 0)
    }

    @Test(arguments: [ErrorCode.topicAuthorizationFailed, .invalidTimestamp])
    func `answers that stop a partition, and those behind them, are not waited for when it is tried again`(
        code: ErrorCode
    ) throws {
        var driver = try PartitionDriver.streaming()
        try driver.fetch(10)
        driver.send()
        driver.answer(baseOffset: 10)
        for _ in 0..<2 { try driver.fetch(10) }
        driver.send()
        #expect(driver.inFlight.count == 2)
        driver.answer(code)
        #expect(!driver.partition.isActive)
        driver.answer(.outOfOrderSequenceNumber)
        driver.event { _ = $0.retry() }
        #expect(driver.partition.recoveryIsDue)
    }

    @Test func `what no checkpoint says yet is waited for also when a partition is tried again`() throws {
        var driver = try Start.awaitingCheckpoint.driver(.stop)
        driver.fetch(error: .topicAuthorizationFailed)
        driver.event { $0.sourceTruncated(endsAt: 99, epoch: 2) }
        #expect(!driver.partition.isActive)
        driver.event { _ = $0.retry() }
        #expect(name(driver.partition.phase) == "awaiting")
    }

    @Test func `a policy that has changed counts when the partition is tried again`() throws {
        var driver = try PartitionDriver.streaming()
        let newID = KafkaUUID(high: 8, low: 8)
        let leader = PartitionLeader(broker: 1, epoch: 0)
        driver.event { $0.sourceDescribed(topicID: newID, leader: leader) }
        #expect(!driver.partition.isActive)
        driver.event { _ = $0.retry() }
        driver.event { $0.sourceDescribed(topicID: newID, leader: leader) }
        #expect(!driver.partition.isActive, "the cause is still there")
        var policies = FlowPolicies()
        policies.recreated = .continue
        driver.event { $0.setPolicies(policies) }
        driver.event { _ = $0.retry() }
        driver.event { $0.sourceDescribed(topicID: newID, leader: leader) }
        #expect(name(driver.partition.phase) == "recovering, replaced")
        #expect(driver.partition.completedOffset == 0)
    }

    @Test func `metadata that is older than what is known of the source's topic changes nothing`() throws {
        var driver = try PartitionDriver.streaming { $0.recreated = .continue }
        let (newID, newerID) = (KafkaUUID(high: 8, low: 8), KafkaUUID(high: 9, low: 9))
        let leader = PartitionLeader(broker: 1, epoch: 0)
        for id in [newID, newerID] { driver.event { $0.sourceDescribed(topicID: id, leader: leader) } }
        let position = driver.partition.cursor.position
        #expect((position, driver.partition.sourceTopicID) == (0, newerID))
        for id in [PartitionDriver.sourceID, newID] {
            driver.event { $0.sourceDescribed(topicID: id, leader: PartitionLeader(broker: 7, epoch: 0)) }
            #expect(driver.partition.sourceTopicID == newerID)
            #expect(driver.partition.sourceLeader == leader)
        }
        #expect(driver.reports.count { if case .lost = $0 { true } else { false } } == 2)
        // When nothing else is heard any more, the one that was taken for newer was not.
        for _ in 0..<10 { driver.event { $0.sourceDescribed(topicID: newID, leader: leader) } }
        #expect(driver.partition.sourceTopicID == newID)
    }

    /// Brokers that lag behind answer in between for as long as they like.
    @Test func `older metadata is not believed for how often it has come, but for being all that comes`() throws {
        var driver = try PartitionDriver.streaming { $0.recreated = .continue }
        let newID = KafkaUUID(high: 8, low: 8)
        let (leader, target) = (PartitionLeader(broker: 1, epoch: 0), driver.partition.targetLog.topicID)
        // As a shard does: what is no news is not told.
        func describe(source: KafkaUUID, target: KafkaUUID) {
            if driver.partition.sourceDiffers(topicID: source, leader: leader) {
                driver.event { $0.sourceDescribed(topicID: source, leader: leader) }
            }
            if driver.partition.targetDiffers(topicID: target, leader: 2, epoch: 0) {
                driver.event { $0.targetDescribed(topicID: target, leader: 2, epoch: 0) }
            }
        }
        describe(source: newID, target: newID)
        for _ in 0..<30 {
            describe(source: PartitionDriver.sourceID, target: target)
            describe(source: newID, target: newID)
        }
        #expect((driver.partition.sourceTopicID, driver.partition.targetLog.topicID) == (newID, newID))
    }

    @Test func `metadata that is older than the checkpoint changes nothing`() throws {
        var driver = PartitionDriver { $0.recreated = .continue }
        let present = KafkaUUID(high: 8, low: 8)
        var checkpoint = Checkpoint(
            sourceOffset: 100, targetOffset: 100, sourceLeaderEpoch: 0, sourceTopicID: present.hexadecimal,
            formerSourceTopicID: PartitionDriver.sourceID.hexadecimal)
        checkpoint.targetTopicID = present.hexadecimal
        checkpoint.formerTargetTopicID = PartitionDriver.targetID.hexadecimal
        driver.event { $0.restore(checkpoint) }
        #expect(driver.partition.completedOffset == 100)
        #expect(driver.partition.sourceTopicID == present)
        #expect(!driver.partition.targetLog.isRecreated)
        #expect(driver.partition.sourceDiffers(topicID: present, leader: PartitionLeader(broker: 1, epoch: 0)))
    }

    /// A cluster whose topics had no ids before it was upgraded, and a partition without a leader.
    @Test func `an id that is not known tells nothing of a target created again`() throws {
        var checkpoint = Checkpoint(
            sourceOffset: 100, targetOffset: 100, sourceLeaderEpoch: 0,
            sourceTopicID: PartitionDriver.sourceID.hexadecimal, targetTopicID: KafkaUUID.zero.hexadecimal,
            targetLeaderEpoch: 3)
        var upgraded = PartitionDriver()
        upgraded.event { $0.restore(checkpoint) }
        #expect(!upgraded.partition.targetLog.isRecreated)

        checkpoint.targetTopicID = PartitionDriver.targetID.hexadecimal
        var leaderless = PartitionDriver(targetLeader: nil)
        leaderless.event { $0.restore(checkpoint) }
        #expect(!leaderless.partition.targetLog.isRecreated)
        leaderless.event { $0.targetDescribed(topicID: PartitionDriver.targetID, leader: 2, epoch: 3) }
        #expect(!leaderless.partition.targetLog.isRecreated)
        #expect(leaderless.partition.targetLog.leaderEpoch == 3)
        leaderless.event { $0.targetDescribed(topicID: KafkaUUID(high: 8, low: 8), leader: 2, epoch: 0) }
        #expect(leaderless.partition.targetLog.isRecreated)
    }

    @Test func `metadata that is older than what is known of the target's topic changes nothing`() throws {
        var driver = try PartitionDriver.streaming()
        let newID = KafkaUUID(high: 8, low: 8)
        let oldID = driver.partition.targetLog.topicID
        driver.event { $0.targetDescribed(topicID: newID, leader: 2, epoch: 0) }
        #expect(driver.partition.targetLog.isRecreated)
        #expect(driver.partition.checkpoint?.targetTopicID == oldID.hexadecimal, "nothing is decided yet")
        driver.event { $0.targetDescribed(topicID: oldID, leader: 1, epoch: 5) }
        #expect((driver.partition.targetLog.topicID, driver.partition.targetLog.leader) == (newID, 2))
    }

    // Reading.

    @Test func `records that arrive are sent and completed`() throws {
        var driver = try PartitionDriver.streaming(copied: 0)
        try driver.fetch(10)
        #expect(driver.partition.isReadyToSend)
        #expect(driver.partition.fetchWish(limit: 1 << 20)?.offset == 110)
        #expect(driver.partition.completedOffset == 100)
        driver.send()
        driver.answer(baseOffset: 40)

        #expect(driver.partition.completedOffset == 110)
        #expect(driver.partition.map.first(fromSource: 105)?.target == 45)
        #expect(driver.released == [1])
        #expect(driver.partition.accounting.imbalance(passed: 110) == 0)
        // Somebody else wrote the 40 offsets in front.
        #expect(driver.partition.accounting.foreign == 40)
    }

    @Test func `a partition that holds as much as it may is full until the target takes some`() throws {
        var driver = try PartitionDriver.streaming()
        try driver.fetch(10)
        #expect(driver.partition.fetchWish(limit: 100)?.isFull == true)
        driver.send()
        driver.answer(baseOffset: 10)
        #expect(driver.partition.fetchWish(limit: 100)?.isFull == false)
    }

    @Test(arguments: [ErrorCode.notLeaderOrFollower, .unknownServerError, .requestTimedOut, .offsetOutOfRange])
    func `after a refused fetch the source is left alone for a while, longer each time`(code: ErrorCode) throws {
        var driver = try PartitionDriver.streaming()
        driver.fetch(error: code)
        guard driver.partition.isActive else { return #expect(code == .unknownServerError) }
        #expect(driver.partition.fetchWish(limit: 1) == nil)
        #expect(driver.partition.nextDeadline == driver.now + .milliseconds(50))
        driver.event { $0.foundSourceRange(start: 0, end: 1_000) }
        driver.advance(.milliseconds(50))
        #expect(driver.partition.fetchWish(limit: 1) != nil)
        driver.fetch(error: code)
        #expect(driver.partition.nextDeadline == driver.now + .milliseconds(100))
    }

    @Test func `a position that has expired is counted and passed over, or stops the partition behind what was read`()
        throws
    {
        var driver = try PartitionDriver.streaming { $0.expired = .continue }
        driver.fetch(error: .offsetOutOfRange)
        driver.event { $0.foundSourceRange(start: 150, end: 200) }
        #expect(driver.partition.completedOffset == 150)
        #expect(driver.partition.accounting.skipped["expired"] == 40)

        driver = try PartitionDriver.streaming(inFlight: 1)
        driver.fetch(error: .offsetOutOfRange)
        driver.event { $0.foundSourceRange(start: 150, end: 200) }
        #expect(driver.partition.isActive)
        driver.answer(baseOffset: 10)
        #expect(!driver.partition.isActive)
        #expect(driver.partition.completedOffset == 120)
    }

    @Test func `a batch that cannot be read stops the partition once the target has those in front of it`() throws {
        var driver = try PartitionDriver.streaming()
        try driver.fetch(10) { answer in
            var bytes = answer.records?.contiguous ?? ByteBuffer()
            bytes.writeRepeatingByte(0xff, count: 80)
            answer.records = RecordBytes(bytes)
        }
        #expect(driver.partition.isActive)
        #expect(driver.partition.fetchWish(limit: 1 << 20) == nil)
        driver.send()
        driver.answer(baseOffset: 10)
        #expect(name(driver.partition.phase) == "failed")
        #expect(driver.partition.completedOffset == 120)
    }

    @Test func `an answer to another position, or one that comes in another phase, is ignored`() throws {
        var driver = try PartitionDriver.streaming(inFlight: 1) { $0.truncated = .continue }
        try driver.fetch(10) { $0.fetchOffset = 1 }
        #expect(driver.partition.cursor.position == 120)
        driver.event { $0.sourceTruncated(endsAt: 105, epoch: 1) }
        #expect(driver.partition.completedOffset == 105)
        try driver.fetch(10)
        #expect(driver.partition.cursor.position == 105)
    }

    @Test func `a batch whose origin is not known waits for it`() throws {
        var driver = try PartitionDriver.streaming()
        driver.intake.origins.producerIDs = [:]
        let usual = driver.intake.origins.usual
        try driver.fetch(10)
        #expect(driver.partition.need == .producer(usual))
        #expect(driver.partition.fetchWish(limit: 1) == nil)
        driver.event { $0.learned { $0 == .producer(usual) } }
        #expect(driver.partition.need == nil)
        #expect(driver.partition.fetchWish(limit: 1)?.offset == 110)
    }

    @Test func `a paused partition is not read, and what was read goes out`() throws {
        var driver = try PartitionDriver.streaming()
        try driver.fetch(10)
        driver.event { $0.setPaused(true) }
        #expect(driver.partition.fetchWish(limit: 1 << 20) == nil)
        #expect(driver.send() == 1)
        driver.event { $0.setPaused(false) }
        driver.event { $0.setSelected(false) }
        #expect(driver.partition.fetchWish(limit: 1 << 20) == nil)
    }

    // Answers.

    @Test func `a refused batch is sent again after a pause`() throws {
        var driver = try PartitionDriver.streaming(inFlight: 1)
        driver.answer(.notEnoughReplicas, message: "2 of 3")
        #expect(driver.partition.obstacle == "west answers NOT_ENOUGH_REPLICAS (19), \"2 of 3\"")
        #expect(driver.send() == 0)
        driver.advance(.milliseconds(100))
        #expect(driver.send() == 1)
        driver.answer(baseOffset: 10)
        #expect(driver.partition.obstacle == nil)
        #expect(driver.partition.completedOffset == 120)
    }

    @Test func `after an unknown outcome nothing is sent before the target's log was read`() throws {
        var driver = try PartitionDriver.streaming(inFlight: 1)
        driver.lose()
        #expect(name(driver.partition.phase) == "unknown")
        #expect(driver.send() == 0)
        // It is there.
        let copy = try PartitionDriver.batch(
            10, count: 10, source: 110, producerID: PartitionDriver.producerID, epoch: 0, sequence: 10)
        try driver.recover(end: 20, log: [copy])
        #expect(driver.partition.completedOffset == 120)
        #expect(driver.send() == 0)

        // It is not.
        try driver.fetch(10)
        driver.send()
        driver.lose()
        try driver.recover(end: 20)
        #expect(driver.partition.completedOffset == 120)
        #expect(driver.send() == 1)
    }

    @Test func `with at-least-once delivery a batch without an answer is sent again at once`() throws {
        var driver = try PartitionDriver.streaming(.atLeastOnce, inFlight: 1)
        driver.lose()
        #expect(driver.send() == 1)
    }

    @Test func `a batch that is appended too low is not completed before the records in front of it are`() throws {
        var driver = try PartitionDriver.streaming(inFlight: 1)
        driver.answer(baseOffset: 4)
        #expect(driver.partition.completedOffset == 110)
        #expect(driver.partition.checkpoint == nil)
        try driver.recover(end: 14)
        #expect(name(driver.partition.phase) == "awaiting")
        #expect(driver.partition.completedOffset == 104)
        #expect(driver.reports.contains(.targetTruncated(at: 4, knownEnd: 10, offsets: 6)))
        driver.event { $0.checkpointed() }
        try driver.recover(end: 14)
        #expect(driver.partition.fetchWish(limit: 1)?.offset == 104)
    }

    @Test func `a record that the target never takes is found by bisection`() throws {
        var driver = try PartitionDriver.streaming(inFlight: 1) { $0.quarantined = .continue }
        var rounds = 0
        var base: Int64 = 10
        while driver.partition.completedOffset < 120, rounds < 20 {
            rounds += 1
            driver.send()
            while let first = driver.inFlight.first {
                let batch = try RecordBatch(first.records.contiguous)
                var records = try batch.records()
                let values = try records.readAll().compactMap { $0.value.map { String(buffer: $0) } }
                if values.contains("record 113") {
                    driver.answer(.invalidRecord)
                } else if first.sequence == driver.partition.window.oldestSequence {
                    driver.answer(baseOffset: base)
                    base += Int64(values.count)
                } else {
                    driver.answer(.outOfOrderSequenceNumber)
                }
            }
            driver.advance(.seconds(5))
        }
        #expect(driver.partition.completedOffset == 120)
        let quarantined = Quarantined(
            offsets: 113..<114,
            reason:
                "the target refuses a record (INVALID_RECORD (87)): most likely it has no key, and the target topic is "
                + "compacted")
        #expect(driver.reports.contains(.quarantined(quarantined)))
        #expect(driver.partition.accounting.skipped == ["quarantined": 1])
        #expect(driver.partition.accounting.imbalance(passed: 120) == 0)
    }

    @Test func `a failed partition gives everything back and takes nothing in any more`() throws {
        var driver = try PartitionDriver.streaming(inFlight: 2)
        driver.answer(.topicAuthorizationFailed)
        #expect(name(driver.partition.phase) == "failed")
        #expect(driver.released.count == 2)
        #expect(!driver.partition.isIdle)
        driver.answer(baseOffset: 20)
        #expect(driver.partition.completedOffset == 110)
        #expect(driver.partition.isDrained)
    }

    // Restarts.

    @Test func `a restored partition continues where the checkpoint says, if the topics are the same`() throws {
        let checkpoint = try #require(PartitionDriver.streaming().partition.checkpoint)
        var driver = PartitionDriver()
        driver.event { $0.restore(checkpoint) }
        #expect(driver.partition.targetLog.endOffset == 10)
        #expect(driver.partition.recoveryIsDue)

        var other = checkpoint
        other.sourceTopicID = String(repeating: "f", count: 32)
        driver.event { $0.restore(other) }
        #expect(name(driver.partition.phase) == "failed")

        driver = PartitionDriver(.exactlyOnce) { $0.recreated = .continue }
        driver.event { $0.restore(other) }
        #expect(name(driver.partition.phase) == "recovering, replaced")
        #expect(driver.partition.cursor.position == 0)
    }
}
