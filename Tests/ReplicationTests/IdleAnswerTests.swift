import KafkaWire
import NIOCore
import Replication
import Testing

/// A source that answers fetches at once, with nothing or with what cannot be taken, is not asked in a loop.
@Suite struct IdleAnswerTests {
    @Test func `pauses after empty answers grow, and end with the first that brings something`() {
        var link = LaneLink()
        let pauses = (0..<12).map { _ in link.answeredIdly() }
        #expect(pauses[0] <= .milliseconds(5))
        #expect(zip(pauses, pauses.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(pauses.reduce(0) { $0 + min($1, .milliseconds(500)).nanoseconds } > 2_000_000_000)
        link.answeredWithSomething()
        #expect(link.answeredIdly() == pauses[0])
    }

    @Test func `answers in front of the position make the partition wait longer and longer, and are told once`() throws
    {
        var driver = try PartitionDriver.streaming()
        let position = driver.partition.cursor.position
        var waits: [TimeAmount] = []
        for _ in 0..<8 {
            var answer = SourceAnswer(fetchOffset: position)
            answer.records = RecordBytes(try PartitionDriver.batch(0, count: 3).bytes)
            driver.fetch(answer)
            #expect(driver.partition.fetchWish(limit: 1) == nil)
            let until = try #require(driver.partition.nextDeadline)
            waits.append(until - driver.now)
            driver.advance(until - driver.now)
            #expect(driver.partition.fetchWish(limit: 1) != nil)
        }
        #expect(waits.last ?? .zero >= .seconds(1))
        #expect(driver.partition.isActive)
        #expect(driver.partition.cursor.position == position)
        let told = driver.reports.filter { if case .unhelpful = $0 { true } else { false } }
        #expect(told.count == 1)
        try driver.fetch(3)
        #expect(driver.partition.cursor.position == position + 3)
    }
}
