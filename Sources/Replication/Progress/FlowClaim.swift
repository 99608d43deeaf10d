internal import FoundationEssentials
package import KafkaClient
internal import KafkaWire
internal import NIOCore

/// Keeps a second migration or failover of the same flow away, through a record in the flow's progress topic that its
/// owner renews.
///
/// An owner that finds another's record, written before its own and not older than ``lifetime``, gives way: the log's
/// order decides between two that begin at the same moment.
package actor FlowClaim {
    private struct Stored: Codable {
        var owner: String
        /// Milliseconds since 1970.
        var renewed: Int64
        var isReleased = false
    }

    private let flow: String
    private let log: StateTopic
    private let owner: String
    private let wallClock: @Sendable () -> Int64
    private var lastRenewed: Int64 = 0

    private static let key = ByteBuffer(string: "migration")
    /// Milliseconds after which a claim that was not renewed has expired: 20 s.
    package static let lifetime: Int64 = 20_000
    private static let renewal: Duration = .seconds(5)

    package init(flow: String, target: ClusterClient, owner: String, wallClock: @escaping @Sendable () -> Int64) {
        self.flow = flow
        self.owner = owner
        self.wallClock = wallClock
        log = StateTopic(ProgressTopic.name(flow: flow), client: target)
    }

    /// - Throws: ``FlowIsClaimed`` when another owner holds the flow.
    package func acquire() async throws {
        try await claim()
        let holder = try await holder()
        guard holder == owner else {
            // A claim that was not granted must not keep the next one away.
            try await release()
            throw FlowIsClaimed(flow: flow, owner: holder ?? "another process")
        }
    }

    /// The owner of the claim that holds now, which may be this one; nil when none does.
    package func holder() async throws -> String? {
        var holder: String?
        var reader = log.reader()
        while let records = try await reader.records() {
            for record in records where record.key == Self.key {
                guard let value = record.value else { continue }
                do {
                    let claim = try StateCheck.decode(Stored.self, from: value)
                    let isLive = !claim.isReleased && isLive(renewed: claim.renewed)
                    if claim.owner == holder, !isLive { holder = nil }
                    if holder == nil, isLive { holder = claim.owner }
                } catch {
                    await log.skip(record, because: "\(error)")
                }
            }
        }
        return holder
    }

    /// Clocks differ a little; a claim from a far future would never end, and is none.
    private func isLive(renewed: Int64) -> Bool {
        let (age, isOverflow) = wallClock().subtractingReportingOverflow(renewed)
        return !isOverflow && (-Self.farthestClock..<Self.lifetime).contains(age)
    }

    private static let farthestClock: Int64 = 3_600_000

    /// Keeps others away for another ``lifetime``. A claim that has run out meanwhile, because the target did not
    /// answer, may belong to another owner by now.
    ///
    /// - Throws: as ``acquire()``.
    private func renew() async throws {
        guard wallClock() - lastRenewed < Self.lifetime else { return try await acquire() }
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
        let now = wallClock()
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
