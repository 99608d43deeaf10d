internal import KafkaClient
package import NIOCore

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

}

/// Ages of other instances' claims, by the reader's own clock: machines differ in the time of day. No I/O.
///
/// A claim counts for as long as it has been seen unchanged for less than its lifetime. The time of day that it names says
/// only whether it is of long ago.
package struct StartSightings: Sendable {
    private struct Sighting {
        let record: StartRecord
        let offset: Int64?
        let since: NIODeadline
    }

    private var sightings: [String: Sighting] = [:]

    /// Time for which a claim keeps others from doing the same; they join the group instead.
    private static let lifetime: TimeAmount = .seconds(10)
    /// More than the clocks of machines that are kept in time differ by, in milliseconds.
    private static let longAgo: Int64 = 60_000

    package init() {}

    /// Tells whether the instance may have begun, and not be in the group yet.
    ///
    /// - Parameters:
    ///   - start: its newest claim, with the offset of the record.
    ///   - now: on ``SessionClock``.
    ///   - wallClock: milliseconds since 1970.
    mutating func isLive(
        _ instance: String, _ start: (record: StartRecord, offset: Int64?), at now: NIODeadline, wallClock: Int64
    ) -> Bool {
        guard !start.record.isReleased, wallClock.saturatingSubtracting(start.record.time) <= Self.longAgo else {
            sightings[instance] = nil
            return false
        }
        if let known = sightings[instance], known.record == start.record, known.offset == start.offset {
            return now - known.since < Self.lifetime
        }
        sightings[instance] = Sighting(record: start.record, offset: start.offset, since: now)
        return true
    }
}

extension ProgressStore {
    /// Claims the start for an instance whose group is empty.
    ///
    /// - Returns: whether it may begin; not when another has claimed it before.
    package func claimStart(_ instance: String) async throws(FlowError) -> Bool {
        let record = StartRecord(time: wallClock())
        let place = try await appendInPlace([.start(instance: instance, record)]) ?? .max
        let others = liveStarts.filter { $0 != instance && recorded.starts[$0]?.offset ?? .max < place }
        // A claim that was not granted must not keep the others waiting.
        if !others.isEmpty { try await releaseStart(instance) }
        return others.isEmpty
    }

    /// Tells whether an instance has begun, and is not in the group yet as far as is known.
    ///
    /// - Parameter members: those of whom it is known that they are, and oneself.
    func isClaimed(byOthersThan members: Set<String>) -> Bool {
        liveStarts.contains { !members.contains($0) }
    }

    /// Instances whose claims count, as far as the topic was read.
    private var liveStarts: [String] {
        recorded.liveStarts(&startSightings, at: sessionClock(), wallClock: wallClock())
    }

    /// The next start need not wait.
    package func releaseStart(_ instance: String) async throws(FlowError) {
        let start = StartRecord(time: wallClock(), isReleased: true)
        _ = try await appendInPlace([.start(instance: instance, start)])
    }
}

extension RecordedFlow {
    /// Instances that have begun, and are not in the group yet as far as is recorded.
    ///
    /// - Parameter sightings: what was seen before, by the same reader.
    package func liveStarts(
        _ sightings: inout StartSightings, at now: NIODeadline, wallClock: Int64
    ) -> [String] {
        starts.compactMap { sightings.isLive($0, $1, at: now, wallClock: wallClock) ? $0 : nil }.sorted()
    }
}
