import KafkaClient
import Synchronization
import Testing

/// Order and number of those that pass a semaphore.
@Suite(.timeLimit(.minutes(1))) struct AsyncSemaphoreTests {
    /// Number of those inside at the moment, and the most that ever were.
    private final class Occupancy: Sendable {
        private let counts = Mutex((now: 0, most: 0))

        func enter() {
            counts.withLock { counts in
                counts.now += 1
                counts.most = max(counts.most, counts.now)
            }
        }

        func leave() { counts.withLock { $0.now -= 1 } }

        var most: Int { counts.withLock(\.most) }
    }

    @Test(arguments: [1, 3]) func `only so many pass at a time, and all pass in the end`(count: Int) async throws {
        let semaphore = AsyncSemaphore(count)
        let occupancy = Occupancy()
        let passed = try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    try await semaphore.withPermit {
                        occupancy.enter()
                        await Task.yield()
                        occupancy.leave()
                    }
                }
            }
            var passed = 0
            while try await group.next() != nil { passed += 1 }
            return passed
        }
        #expect(passed == 100)
        #expect(occupancy.most <= count)
    }

    @Test func `who is cancelled while waiting has not passed, and takes nothing from those behind`() async throws {
        let semaphore = AsyncSemaphore(1)
        try await semaphore.wait()
        let hasPassed = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await semaphore.wait()
                    return true
                } catch {
                    return false
                }
            }
            group.cancelAll()
            return await group.next()
        }
        #expect(hasPassed == false)
        semaphore.signal()
        try await semaphore.wait()
        semaphore.signal()
    }

    @Test func `what fails inside makes room all the same`() async throws {
        struct Failure: Error {}
        let semaphore = AsyncSemaphore(1)
        await #expect(throws: Failure.self) { try await semaphore.withPermit { throw Failure() } }
        try await semaphore.wait()
    }
}
