/// Lets a few partitions be compared at a time, and the next go on while others wait for their target.
actor Lanes {
    private var free: Int
    private var resting = 0
    private var queue: [CheckedContinuation<Void, Never>] = []

    /// Limit of partitions that wait: each keeps a few batches in memory.
    private static let mostResting = 64

    init(_ count: Int) {
        free = count
    }

    /// Waits for a free lane. Also when the task is cancelled: whoever is in one leaves it soon then.
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

    /// Does something that takes long and reads little outside of the lane, if not too many do.
    func rest<Value: Sendable, Failure>(
        during body: @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        guard resting < Self.mostResting else { return try await body() }
        resting += 1
        leave()
        let outcome: Result<Value, Failure>
        do {
            outcome = .success(try await body())
        } catch {
            outcome = .failure(error)
        }
        resting -= 1
        await enter()
        return try outcome.get()
    }
}
