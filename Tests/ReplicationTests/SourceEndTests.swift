import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

@Suite struct SourceEndTests {
    /// Copied up to offset 110, of a log that was heard to end there.
    private func driver() throws -> PartitionDriver { try PartitionDriver.streaming(copied: 10) }

    @Test func `a partition that the source has not told the end of has no lag`() {
        let driver = PartitionDriver()

        #expect(driver.partition.lag(at: driver.now) == .unknown("the source has not been asked yet"))
    }

    @Test func `an end that was asked for counts like one that came with a fetch`() throws {
        var driver = try driver()
        let now = driver.now + .seconds(4)
        driver.event { $0.foundSourceEnd(150, askedAt: now, at: now) }

        #expect(driver.partition.lag(at: now) == .known(40))
    }

    @Test func `an answer that was asked for before a fetch told more is ignored`() throws {
        var driver = try driver()
        let now = driver.now
        driver.event { $0.foundSourceEnd(105, askedAt: now - .seconds(1), at: now) }

        #expect(driver.partition.lag(at: now) == .known(0))
    }

    @Test func `an end that was not heard again is not believed, and the last refusal is the reason`() throws {
        var driver = try driver()
        let later = driver.now + SourceEnd.lifetime
        #expect(driver.partition.lag(at: later - .nanoseconds(1)) == .known(0))
        #expect(driver.partition.lag(at: later) == .unknown("the source has not reported its end offset for 5 s"))

        driver.event { $0.sourceEndRefused("no answer") }

        #expect(driver.partition.lag(at: later) == .unknown("no answer"))
        driver.event { $0.foundSourceEnd(111, askedAt: later, at: later) }
        #expect(driver.partition.lag(at: later) == .known(1))
    }

    @Test func `a fetch that knows of an earlier end does not take back what was told, nor renew it`() throws {
        var driver = try driver()
        let asked = driver.now + .seconds(3)
        driver.event { $0.foundSourceEnd(150, askedAt: asked, at: asked) }
        driver.advance(.seconds(4))
        var answer = SourceAnswer(fetchOffset: 110)
        answer.highWatermark = 110
        driver.fetch(answer)

        #expect(driver.partition.lag(at: driver.now) == .known(40))
        #expect(driver.partition.lag(at: asked + SourceEnd.lifetime).offsets == nil)
        // The log may have been cut: what is asked for counts.
        let now = driver.now
        driver.event { $0.foundSourceEnd(110, askedAt: now, at: now) }
        #expect(driver.partition.lag(at: driver.now) == .known(0))
    }

    @Test func `an answer that leaves a partition out says that its end is as known`() throws {
        var driver = try driver()
        let began = driver.now
        // A session lasts for as long as the end counts at all, three times over.
        var heard = began
        while heard - began < SourceEnd.silenceLifetime - .seconds(1) {
            heard = heard + .seconds(1)
            let now = heard
            driver.event { $0.heardNothing(at: now, now: now) }
            #expect(driver.partition.lag(at: now) == .known(0))
            #expect(!driver.partition.needsSourceEnd(at: now))
        }
        // By then a broker could have lost sight of it.
        let late = began + SourceEnd.silenceLifetime
        driver.event { $0.heardNothing(at: late, now: late) }
        #expect(driver.partition.needsSourceEnd(at: late))
        driver.event { $0.foundSourceEnd(111, askedAt: late, at: late) }
        #expect(driver.partition.lag(at: late) == .known(1))
    }

    @Test func `silence tells nothing of a partition with something to read, or one that was refused`() throws {
        var driver = try driver()
        let asked = driver.now + .seconds(1)
        driver.event { $0.foundSourceEnd(150, askedAt: asked, at: asked) }
        let later = asked + .seconds(2)
        driver.event { $0.heardNothing(at: later, now: later) }
        #expect(driver.partition.needsSourceEnd(at: later))

        driver = try self.driver()
        driver.event { $0.sourceEndRefused("no answer") }
        driver.event { $0.heardNothing(at: later, now: later) }
        #expect(driver.partition.needsSourceEnd(at: later))
    }

    @Test func `ends that cannot be are not believed`() throws {
        var driver = try driver()
        let now = driver.now + .seconds(1)
        driver.event { $0.foundSourceEnd(.min, askedAt: now, at: now) }
        #expect(driver.partition.highWatermark == 110)

        driver.event { $0.foundSourceEnd(50, askedAt: now, at: now) }
        #expect(
            driver.partition.lag(at: now) == .unknown("the source's log ends at offset 50, before what was copied"))
    }

    @Test func `a transaction that is open is seen by where reading committed records ends`() throws {
        var driver = try driver()
        var answer = SourceAnswer(fetchOffset: 110)
        answer.highWatermark = 120
        answer.lastStableOffset = 110
        driver.fetch(answer)
        #expect(driver.partition.isBehindTransaction)

        answer.lastStableOffset = 120
        driver.fetch(answer)
        #expect(!driver.partition.isBehindTransaction)
    }

    @Test func `records that came after the last fetch are not taken for a transaction's`() throws {
        var driver = try driver()
        var answer = SourceAnswer(fetchOffset: 110)
        answer.highWatermark = 110
        answer.lastStableOffset = 110
        driver.fetch(answer)
        let now = driver.now + .seconds(3)
        driver.event { $0.foundSourceEnd(120, askedAt: now, at: now) }

        #expect(!driver.partition.isBehindTransaction)
    }
}
