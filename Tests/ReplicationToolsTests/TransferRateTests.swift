import ReplicationTools
import Testing

@Suite struct TransferRateTests {
    private static let start = ContinuousClock.now

    /// Looks at a copy that passes `offsets` a second, ten times a second.
    private static func rate(_ offsets: [Int64]) -> TransferRate {
        var rate = TransferRate()
        var passed: Int64 = 1_000_000
        for (second, perSecond) in offsets.enumerated() {
            for tenth in 0..<10 {
                let time = start + .milliseconds(second * 1_000 + tenth * 100)
                let now = passed + perSecond * Int64(tenth) / 10
                rate.observe(.init(offsets: now, records: now / 2, bytes: now * 100), at: time)
            }
            passed += perSecond
        }
        let end = start + .seconds(offsets.count)
        rate.observe(.init(offsets: passed, records: passed / 2, bytes: passed * 100), at: end)
        return rate
    }

    @Test func `the rate is that of what has moved, not of what was there before`() throws {
        let found = try #require(Self.rate([200, 200, 200]).perSecond)

        #expect(found.offsets == 200)
        #expect(found.records == 100)
        #expect(found.bytes == 20_000)
    }

    @Test func `what is longer ago than ten seconds does not count`() throws {
        let found = try #require(
            Self.rate(Array(repeating: 1_000, count: 30) + Array(repeating: 100, count: 12)).perSecond)

        #expect(found.offsets == 100)
    }

    @Test func `the time left follows from the rate`() {
        #expect(Self.rate([200, 200]).secondsLeft(for: 1_000) == 5)
        #expect(Self.rate([200, 200]).secondsLeft(for: 0) == 0)
    }

    @Test func `nothing is said of the future before a second has passed, nor while nothing moves`() {
        var young = TransferRate()
        young.observe(.init(offsets: 0, records: 0, bytes: 0), at: Self.start)
        young.observe(.init(offsets: 500, records: 500, bytes: 500), at: Self.start + .milliseconds(900))

        #expect(young.perSecond == nil)
        #expect(young.secondsLeft(for: 10) == nil)
        #expect(Self.rate([0, 0, 0]).secondsLeft(for: 10) == nil)
    }
}
