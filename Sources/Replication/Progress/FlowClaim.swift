internal import FoundationEssentials
package import KafkaClient
internal import KafkaWire
package import NIOCore
internal import PlainText

/// Keeps a second migration or failover of the same flow away, through a record in the flow's progress topic that its
/// owner renews.
///
/// An owner that finds another's record, written before its own, gives way: the log's order decides between two that begin
/// at the same moment. A claim ends when it was not renewed for ``lifetime`` by the reader's own clock, since machines differ
/// in the time of day: one that is just read for the first time is waited for, unless it says that it was renewed a moment
/// ago, or that it is of long ago.
package actor FlowClaim {
    private struct Stored: Hashable, Codable {
        var owner: String
        /// Milliseconds since 1970.
        var renewed: Int64
        var isReleased = false
    }

    private let flow: String
    private let log: StateTopic
    private let owner: String
    private let wallClock: @Sendable () -> Int64
    private let sessionClock: @Sendable () -> NIODeadline
    private let waits: @Sendable (_ owner: String) -> Void
    private var lastRenewed: NIODeadline = .distantPast
    /// Claims that were read, since when.
    private var sightings: [Stored: NIODeadline] = [:]

    private static let key = ByteBuffer(string: "migration")
    /// Milliseconds after which a claim that was not renewed has expired: 20 s.
    package static let lifetime: Int64 = 20_000
    private static let renewal: Duration = .seconds(5)
    private static let look: Duration = .milliseconds(500)
    /// More than the clocks of machines that are kept in time differ by, in milliseconds.
    private static let longAgo: Int64 = 60_000

    /// - Parameters:
    ///   - waits: told before a claim is waited for that may be of a dead process, for up to ``lifetime``.
    ///   - wallClock: milliseconds since 1970.
    ///   - sessionClock: as ``SessionClock`` has it.
    package init(
        flow: String, target: ClusterClient, owner: String, waits: @escaping @Sendable (_ owner: String) -> Void,
        wallClock: @escaping @Sendable () -> Int64,
        sessionClock: @escaping @Sendable () -> NIODeadline = { SessionClock.now() }
    ) {
        self.waits = waits
        self.sessionClock = sessionClock
        self.flow = flow
        self.owner = owner
        self.wallClock = wallClock
        log = StateTopic(ProgressTopic.name(flow: flow), client: target)
    }

    /// - Throws: ``FlowIsClaimed`` when another owner holds the flow.
    package func acquire() async throws {
        while true {
            try await claim()
            let holder = try await holding()
            if holder?.owner == owner { return }
            // A claim that was not granted must not keep the next one away.
            try await release()
            guard let holder, try await hasEnded(holder) else {
                throw FlowIsClaimed(flow: flow, owner: holder?.owner ?? "another process")
            }
        }
    }

    /// Waits until a claim that may be of a dead process ends, or is renewed.
    private func hasEnded(_ claim: Stored) async throws -> Bool {
        // Its owner is at work, as far as both clocks agree.
        if (0..<Self.lifetime).contains(wallClock().saturatingSubtracting(claim.renewed)) { return false }
        waits(claim.owner.printable())
        while true {
            let holder = try await holding()
            guard holder?.owner == claim.owner else { return true }
            guard holder == claim else { return false }
            try await Task.sleep(for: Self.look)
        }
    }

    /// The owner of the claim that holds now, which may be this one; nil when none does.
    package func holder() async throws -> String? { try await holding()?.owner }

    /// The newest claim of the owner that holds the flow.
    private func holding() async throws -> Stored? {
        var holder: Stored?
        var seen: Set<Stored> = []
        defer { sightings = sightings.filter { seen.contains($0.key) } }
        var reader = log.reader()
        while let records = try await reader.records() {
            for record in records where record.key == Self.key {
                guard let value = record.value else { continue }
                do {
                    let claim = try StateCheck.decode(Stored.self, from: value)
                    seen.insert(claim)
                    let isLive = isLive(claim)
                    if claim.owner == holder?.owner { holder = isLive ? claim : nil }
                    if holder == nil, isLive { holder = claim }
                } catch {
                    await log.skip(record, because: "\(error)")
                }
            }
        }
        return holder
    }

    private func isLive(_ claim: Stored) -> Bool {
        let now = sessionClock()
        let since = sightings[claim] ?? now
        sightings[claim] = since
        guard !claim.isReleased, wallClock().saturatingSubtracting(claim.renewed) <= Self.longAgo else { return false }
        return now - since < .milliseconds(Self.lifetime)
    }

    /// Keeps others away for another ``lifetime``. A claim that has run out meanwhile, because the target did not
    /// answer, may belong to another owner by now.
    ///
    /// - Throws: as ``acquire()``.
    private func renew() async throws {
        guard sessionClock() - lastRenewed < .milliseconds(Self.lifetime) else { return try await acquire() }
        try await claim()
    }

    /// Keeps the claim until cancelled. A target that does not answer for a while is no reason to end.
    ///
    /// - Throws: when the claim has gone to another owner meanwhile.
    package func keep() async throws {
        while true {
            try await Task.sleep(for: Self.renewal)
            do {
                try await renew()
            } catch let error as KafkaError where error.isRetriable {
                continue
            }
        }
    }

    private func claim() async throws {
        // The claim's age counts from when it was said, not from when it was heard.
        let now = sessionClock()
        try await write(isReleased: false)
        lastRenewed = now
    }

    package func release() async throws { try await write(isReleased: true) }

    private func write(isReleased: Bool) async throws {
        let now = wallClock()
        let json = try JSONEncoder().encode(Stored(owner: owner, renewed: now, isReleased: isReleased))
        try await log.append([
            Record(offset: 0, timestamp: now, key: Self.key, value: ByteBuffer(bytes: json), headers: [])
        ])
    }
}

/// A flow that another process has claimed for a migration or a failover.
public struct FlowIsClaimed: Error, Hashable, Sendable, CustomStringConvertible {
    public var flow: String
    /// The process that holds the claim.
    public var owner: String

    package init(flow: String, owner: String) {
        self.flow = flow
        self.owner = owner
    }

    public var description: String {
        "flow \"\(flow)\" is being migrated by \(owner) at the moment: wait for it, or stop it and try again in 20 s"
    }
}
