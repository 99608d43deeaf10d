import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// Copies that keep the offsets of their source, without a cluster.
struct OffsetAlignmentTests {
    private static func cleanup(_ seed: Int) -> CleanupPolicy {
        [.delete, .compactAndDelete, .compact, .delete][seed / 3 % 4]
    }

    private static func holes(_ seed: Int) -> HoleChoice { seed % 2 == 0 ? .filler : .markers }

    private static func start(_ seed: Int) -> Int64 { seed % 3 == 0 ? 0 : seed % 3 == 1 ? 7 : 730 }

    /// Nothing goes wrong any more: the copy becomes equal, or the partition stops, and stops again however often it is
    /// tried.
    private static func settle(_ model: inout AlignmentModel, _ place: String) throws {
        try model.source.close()
        var tries = 5
        for _ in 0..<20_000 where !model.isDone {
            try model.step(faults: false)
            guard !model.partition.isActive else { continue }
            if tries == 0 { break }
            tries -= 1
            if tries % 2 == 0 { try model.kill() } else { _ = model.partition.retry() }
        }
        #expect(model.flaw() == nil, "\(place)")
        guard model.isDone else {
            #expect(!model.partition.isActive, "\(place): the target ends at \(model.log.end) of \(model.source.end)")
            #expect(
                model.difference != nil || model.hazard == .sourceRecreated,
                "\(place): \(model.stops.last.map { "\($0)" } ?? "")")
            return
        }
        #expect(model.difference == nil, "\(place)")
        #expect(model.partition.accounting.imbalance(passed: model.partition.completedOffset) == 0, "\(place)")
    }

    @Test(arguments: AlignmentModel.Hazard.allCases)
    func `whatever happens, each record gets its source's offset or none`(hazard: AlignmentModel.Hazard) throws {
        var strikes = 0
        var stops = 0
        for seed in 0..<24 {
            var model = try AlignmentModel(
                seed: UInt64(seed), start: Self.start(seed), hazard: hazard, cleanup: Self.cleanup(seed),
                holes: Self.holes(seed))
            for number in 0..<600 {
                try model.step(faults: true)
                if let flaw = model.flaw() {
                    Issue.record("\(hazard), seed \(seed), step \(number): \(flaw)")
                    return
                }
            }
            try Self.settle(&model, "\(hazard), seed \(seed)")
            strikes += model.strikes
            stops += model.stops.count
        }
        // A hazard that never strikes proves nothing.
        #expect(hazard == .none || hazard == .silentTarget || strikes > 5, "\(strikes)")
        // A target that tells nothing has to be unlucky twice.
        #expect(hazard == .silentTarget || (hazard == .none) == (stops == 0), "\(stops)")
    }

    @Test(arguments: [1, 4, 8])
    func `a process may end at every step`(seed: Int) throws {
        for steps in 0..<150 {
            var model = try AlignmentModel(
                seed: UInt64(seed), start: Self.start(seed), cleanup: Self.cleanup(seed), holes: Self.holes(seed))
            for number in 0..<steps {
                if number % 10 == 9 { try model.source.grow(&model.dice) }
                try model.step(faults: false)
            }
            try model.kill()
            try Self.settle(&model, "seed \(seed), killed at step \(steps)")
            #expect(model.isDone, "seed \(seed), killed at step \(steps)")
        }
    }

    @Test(arguments: [730, 7]) func `retention may pass over a beginning again and again`(start: Int64) throws {
        var expirations = 0
        for seed in 0..<24 {
            var model = try AlignmentModel(
                seed: UInt64(seed), start: start, cleanup: Self.cleanup(seed), holes: Self.holes(seed))
            for number in 0..<400 {
                if number % 3 == 0 { try model.expireBeginning() }
                try model.step(faults: number % 2 == 0)
                if let flaw = model.flaw() {
                    Issue.record("seed \(seed), step \(number): \(flaw)")
                    return
                }
            }
            try Self.settle(&model, "seed \(seed)")
            #expect(model.isDone, "seed \(seed)")
            expirations += model.expirations
        }
        #expect(expirations > 50)
    }

    /// An adopted copy holds no filler of the flow's: it copies again what is lost, and deletes nothing.
    @Test func `an adopted copy that loses its end in front of the place of adoption is refilled`() throws {
        var losses = 0
        for seed in 0..<24 {
            var model = try AlignmentModel(
                seed: UInt64(seed), start: Self.start(seed), cleanup: Self.cleanup(seed), holes: Self.holes(seed))
            try Self.settle(&model, "seed \(seed)")
            try model.adopt()
            let (start, adopted) = (model.log.start, model.log.end)
            for number in 0..<300 {
                if number % 40 == 20, model.log.end > model.start + 20 { try model.lose() }
                if model.log.end < adopted { losses += 1 }
                try model.step(faults: number % 3 == 0)
                if let flaw = model.flaw() {
                    Issue.record("seed \(seed), step \(number): \(flaw)")
                    return
                }
                #expect(model.log.start == start, "seed \(seed), step \(number)")
            }
            try Self.settle(&model, "seed \(seed), adopted")
            #expect(model.isDone, "seed \(seed)")
        }
        #expect(losses > 20)
    }

    @Test func `a lost answer about markers renews the epoch, also when the leader has changed`() throws {
        var model = try AlignmentModel(seed: 3, start: 0)
        for _ in 0..<2_000 where model.work == nil { try model.step(faults: false) }
        guard let work = model.work, case .markers = work else {
            Issue.record("no markers are under way")
            return
        }
        let epoch = model.partition.markerProducer.epoch
        model.partition.targetDescribed(
            topicID: PartitionDriver.targetID, leader: 2, epoch: model.log.leaderEpoch + 1)

        model.partition.ended(work, .inDoubt("no answer"), at: model.now)

        #expect(model.partition.markerProducer.epoch == epoch + 1)
        #expect(model.partition.isAwaitingCheckpoint)
    }

    @Test func `records that the target refuses leave a place, whatever happens then`() throws {
        var kills = 0
        for seed in 0..<24 {
            var model = try AlignmentModel(
                seed: UInt64(seed), start: Self.start(seed), cleanup: Self.cleanup(seed), holes: Self.holes(seed),
                refusesSome: true)
            for number in 0..<600 {
                try model.step(faults: true)
                if let flaw = model.flaw() {
                    Issue.record("seed \(seed), step \(number): \(flaw)")
                    return
                }
            }
            try Self.settle(&model, "seed \(seed)")
            #expect(model.isDone, "seed \(seed)")
            kills += model.kills
        }
        #expect(kills > 20)
    }

    @Test func `a batch is sent only when everything before it is written or on its way`() throws {
        let alignment = OffsetAlignment(start: 0)
        #expect(alignment.work(end: 5, next: 5) == nil)
        #expect(alignment.work(end: 5, next: 8) == .markers(5..<8))
        #expect(alignment.work(end: 5, next: 1_000_000) == .markers(5..<5 + OffsetAlignment.mostMarkers))
    }
}
