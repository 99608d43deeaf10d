internal import KafkaClient
internal import Replication

/// A group's positions on a cluster, compared with the ends of the logs there.
///
/// Ends are looked up after the positions that they are compared with: what was written, read and committed meanwhile is
/// in front of them. A position is set back only if it is still there when that was found out.
struct GroupClamp: Sendable {
    /// It has positions in the partitions that are looked at.
    private(set) var isKnown = false
    /// The number of positions that were set back.
    private(set) var moved = 0
    /// Positions beyond the end that could not be set back, in words.
    private(set) var stuck: [String] = []

    /// Looks at positions that change meanwhile.
    private static let mostLooks = 5
    /// The age of a reading of positions at which they are read again before a request is sent.
    private static let freshness: Duration = .seconds(2)

    static func clamp(
        _ group: GroupListing, in partitions: Set<TopicPartition>, on target: ClusterClient
    ) async -> Result<GroupClamp, KafkaError> {
        do throws(KafkaError) {
            var clamp = GroupClamp()
            try await clamp.run(group, partitions, target)
            return .success(clamp)
        } catch {
            return .failure(error)
        }
    }

    private mutating func run(
        _ group: GroupListing, _ partitions: Set<TopicPartition>, _ target: ClusterClient
    ) async throws(KafkaError) {
        var positions = try await Self.positions(of: group, partitions, target)
        isKnown = !positions.isEmpty
        for look in 1...Self.mostLooks {
            let ends = await target.logEnds(of: Set(positions.keys))
            var beyond: [TopicPartition: (position: Int64, wanted: CommittedOffset)] = [:]
            for (partition, committed) in positions {
                guard let end = ends[partition], committed.offset > end else { continue }
                beyond[partition] = (
                    committed.offset, CommittedOffset(offset: end, metadata: committed.metadata)
                )
            }
            guard !beyond.isEmpty else { return }
            let begin = ContinuousClock.now
            positions = try await Self.positions(of: group, partitions, target)
            let unchanged = beyond.filter { positions[$0.key]?.offset == $0.value.position }
            let outcomes = await target.setPositions(of: group.id, group.kind, unchanged.mapValues(\.wanted)) {
                ContinuousClock.now - begin < Self.freshness
            }
            for (partition, outcome) in outcomes {
                switch outcome {
                case .success: moved += 1
                case .failure(let error) where error.reason == .cancelled && look < Self.mostLooks && !Task.isCancelled:
                    continue
                case .failure(let error):
                    stuck.append(
                        "\(group.id): \(partition) is beyond the end of its log, and cannot be set back: \(error)")
                }
                positions[partition] = nil
            }
            // The others have moved, or were read too long ago.
            guard look == Self.mostLooks else { continue }
            for partition in beyond.keys where unchanged[partition] == nil {
                stuck.append("\(group.id): \(partition) was beyond the end of its log, and changes all the time")
            }
        }
    }

    private static func positions(
        of group: GroupListing, _ partitions: Set<TopicPartition>, _ target: ClusterClient
    ) async throws(KafkaError) -> [TopicPartition: CommittedOffset] {
        try await target.positions(of: group.id, group.kind).filter { partitions.contains($0.key) }
            .compactMapValues { try? $0.get() }
    }
}
