/// Claim of an instance that begins with everything at once, since its group has no members to wait for: of two that do
/// so at the same moment, the log decides.
package struct StartRecord: Hashable, Sendable, Codable {
    /// Milliseconds since 1970.
    package var time: Int64
    package var isReleased: Bool

    package init(time: Int64, isReleased: Bool = false) {
        self.time = time
        self.isReleased = isReleased
    }

    /// Milliseconds for which a claim keeps others from doing the same; they join the group instead.
    static let lifetime: Int64 = 10_000
    /// Clocks differ a little; a claim from a far future would never end, and is none.
    private static let farthestClock: Int64 = 3_600_000

    func isLive(at now: Int64) -> Bool {
        let (age, isOverflow) = now.subtractingReportingOverflow(time)
        return !isReleased && !isOverflow && (-Self.farthestClock..<Self.lifetime).contains(age)
    }
}

extension ProgressStore {
    /// Claims the start for an instance whose group is empty.
    ///
    /// - Returns: whether it may begin; not when another has claimed it before.
    package func claimStart(_ instance: String) async throws(FlowError) -> Bool {
        let now = wallClock()
        let place = try await appendInPlace([.start(instance: instance, StartRecord(time: now))]) ?? .max
        let isFirst = !recorded.starts.contains { other, start in
            other != instance && start.record.isLive(at: now) && start.offset ?? .max < place
        }
        // A claim that was not granted must not keep the others waiting.
        if !isFirst { try await releaseStart(instance) }
        return isFirst
    }

    /// Tells whether an instance has begun, and is not in the group yet as far as is known.
    ///
    /// - Parameter members: those of whom it is known that they are, and oneself.
    func isClaimed(byOthersThan members: Set<String>) -> Bool {
        let now = wallClock()
        return recorded.starts.contains { !members.contains($0.key) && $0.value.record.isLive(at: now) }
    }

    /// The next start need not wait.
    package func releaseStart(_ instance: String) async throws(FlowError) {
        let start = StartRecord(time: wallClock(), isReleased: true)
        _ = try await appendInPlace([.start(instance: instance, start)])
    }
}
