/// Limits how many partitions are compared at a time, and lets the next continue while others wait for their target.
actor ConcurrencyLimiter {
    private var free: Int
    private var waiting = 0
    private var queue: [CheckedContinuation<Void, Never>] = []

    /// Limit of partitions that wait: each keeps a few batches in memory.
    private static let mostWaiting = 64

    init(_ count: Int) {
        free = count
    }

    /// Waits for a free slot. Also when the task is cancelled: those that hold one leave soon then.
    func enter() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { queue.append($0) }
    }

    func leave() {
        guard queue.isEmpty else { return queue.removeFirst().resume() }
        free += 1
    }

    /// Runs something that takes long and reads little without a slot, if not too many do.
    func leavingSlot<Value: Sendable, Failure>(
        during body: @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        guard waiting < Self.mostWaiting else { return try await body() }
        waiting += 1
        leave()
        let outcome: Result<Value, Failure>
        do {
            outcome = .success(try await body())
        } catch {
            outcome = .failure(error)
        }
        waiting -= 1
        await enter()
        return try outcome.get()
    }
}
