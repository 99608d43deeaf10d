/// Addresses that have shown wrong credentials, and how long each has to wait before it is listened to again.
///
/// After some attempts the wait doubles with each, up to a minute. The table is bounded: whoever has that many
/// addresses to try from is not stopped by it, but costs no memory either.
package struct FailedAttempts {
    private struct Entry {
        var count = 0
        var last: ContinuousClock.Instant
        var waitsUntil: ContinuousClock.Instant
    }

    private var entries: [ClientAddress: Entry] = [:]

    package init() {}

    package static let free = 5
    package static let longestWait: Duration = .seconds(60)
    package static let memory: Duration = .seconds(300)
    package static let capacity = 1_024

    /// Nil for an address that may try.
    package func wait(_ address: ClientAddress, at now: ContinuousClock.Instant) -> Duration? {
        guard let entry = entries[address], entry.waitsUntil > now else { return nil }
        return entry.waitsUntil - now
    }

    /// - Returns: whether it is worth telling: the first attempt of an address, and the first that makes it wait.
    package mutating func failed(_ address: ClientAddress, at now: ContinuousClock.Instant) -> Bool {
        var entry = entries[address] ?? Entry(last: now, waitsUntil: now)
        if now - entry.last > Self.memory { entry = Entry(last: now, waitsUntil: now) }
        entry.count += 1
        entry.last = now
        let beyond = entry.count - Self.free
        if beyond >= 0 { entry.waitsUntil = now + min(.seconds(1 << min(beyond, 6)), Self.longestWait) }
        if entries[address] == nil, entries.count >= Self.capacity { makeRoom(at: now) }
        entries[address] = entry
        return entry.count == 1 || beyond == 0
    }

    package var count: Int { entries.count }

    private mutating func makeRoom(at now: ContinuousClock.Instant) {
        entries = entries.filter { now - $0.value.last <= Self.memory }
        guard entries.count >= Self.capacity, let oldest = entries.min(by: { $0.value.last < $1.value.last }) else {
            return
        }
        entries[oldest.key] = nil
    }
}
