internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore
internal import Replication

/// Gives an opposite flow that has never run a position to begin at: where, on the forward flow's target, the records
/// begin that did not come from its source. Offsets before it count as passed, as copies that stay behind.
struct OppositeStart {
    /// The flow whose copies they are.
    let forward: FlowMemory
    /// The flow that is to begin; it reads `target` and writes to `source`.
    let opposite: FlowSettings
    let source: ClusterClient
    let target: ClusterClient
    let logger: Logger
    let wallClock: @Sendable () -> Int64

    /// Partitions looked at in one request.
    private static let width = 200
    /// A marker fits well into it; of a larger batch it is enough to know that it is none.
    private static let lookBytes: Int32 = 16 << 10
    /// Looks at one partition; where they end, the flow may begin, and reads what is left itself.
    private static let mostLooks = 1_000

    /// Offsets at which it would begin, by partition of the forward flow's target; nil when it has run before.
    func positions() async throws(FlowError) -> [TopicPartition: Int64]? {
        var memory = FlowMemory(flow: opposite.name, on: source)
        try await memory.refresh()
        guard memory.flow.identity == nil else { return nil }
        do throws(KafkaError) {
            return try await search()
        } catch {
            throw .kafka(error)
        }
    }

    /// Records the positions as the opposite flow's own.
    ///
    /// - Returns: where it begins; nil when it has run before, and continues where it stopped.
    func record() async throws(FlowError) -> [TopicPartition: Int64]? {
        guard let positions = try await positions() else { return nil }
        let metadata: ClusterMetadata
        let sourceID: String
        do throws(KafkaError) {
            metadata = try await target.metadata(.all)
            sourceID = try await source.clusterID()
        } catch {
            throw .kafka(error)
        }
        let starts = try await startsOfOthers(metadata, than: positions)
        var checkpoints: [TopicPartition: Checkpoint] = [:]
        for (partition, offset) in positions.merging(starts.offsets, uniquingKeysWith: { first, _ in first }) {
            // Copies below the position have no place at the source other than their own: the map says so.
            var map = OffsetMap(start: starts.begins[partition] ?? offset)
            map.pass(offset)
            checkpoints[partition] = Checkpoint(
                sourceOffset: offset, targetOffset: -1, sourceLeaderEpoch: -1,
                sourceTopicID: (metadata.topics[partition.topic]?.id ?? .zero).hexadecimal, map: map.edge)
        }
        let first = try await FirstProgress(
            settings: opposite, target: source, clusters: (metadata.clusterID ?? "", sourceID), wallClock: wallClock)
        try await first.prepare(checkpoints)
        try await first.complete()
        return positions
    }

    /// Topics that only the opposite flow copies begin where its settings say.
    private func startsOfOthers(
        _ metadata: ClusterMetadata, than positions: [TopicPartition: Int64]
    ) async throws(FlowError) -> (offsets: [TopicPartition: Int64], begins: [TopicPartition: Int64]) {
        let observer = MetadataObserver(settings: opposite, source: target, target: source)
        let others = observer.select(metadata).flatMap { topic in
            topic.source.partitions.keys.map { TopicPartition(topic.source.name, $0) }
        }.filter { positions[$0] == nil }
        let sync = TopicSync(
            settings: opposite, source: target, target: source, logger: logger, wallClock: wallClock)
        let offsets = try await sync.offsets(of: others, at: opposite.startFrom)
        do throws(KafkaError) {
            return (offsets, try await target.bounds(.earliest, of: positions.keys))
        } catch {
            throw .kafka(error)
        }
    }
}

// Looking for the first record that is not a copy.
extension OppositeStart {
    private func search() async throws(KafkaError) -> [TopicPartition: Int64] {
        let metadata = try await target.metadata(.all)
        let partitions = forward.partitions(isSettled: false).filter {
            metadata.partition($0.target.topic, $0.target.partition)?.leader != nil
        }
        let begins = try await target.bounds(.earliest, of: partitions.map(\.target))
        let ends = try await target.bounds(.latest, of: partitions.map(\.target))
        var starts: [TopicPartition: DeltaStart] = [:]
        for partition in partitions {
            starts[partition.target] = DeltaStart(map: partition.map, logStart: begins[partition.target] ?? 0)
        }
        var open = starts.filter { $0.value.offset < ends[$0.key] ?? 0 }
        for _ in 0..<Self.mostLooks where !open.isEmpty {
            open = try await poll(at: open, ends)
            starts.merge(open) { _, new in new }
            open = open.filter { $0.value.offset < ends[$0.key] ?? 0 }
        }
        return starts.mapValues(\.offset)
    }

    /// One look at each.
    ///
    /// - Returns: those that have moved.
    private func poll(
        at starts: [TopicPartition: DeltaStart], _ ends: [TopicPartition: Int64]
    ) async throws(KafkaError) -> [TopicPartition: DeltaStart] {
        var moved: [TopicPartition: DeltaStart] = [:]
        var waiting = starts.keys.map { $0 }[...]
        while !waiting.isEmpty {
            let some = waiting.prefix(Self.width)
            waiting = waiting.dropFirst(Self.width)
            let positions = some.map {
                FetchPosition(
                    topic: $0.topic, partition: $0.partition, fetchOffset: starts[$0]?.offset ?? 0,
                    maxBytes: Self.lookBytes)
            }
            for (partition, outcome) in await target.read(positions, isolation: .readUncommitted) {
                guard var start = starts[partition], let seen = try Self.seen(try outcome.get(), from: start.offset)
                else { continue }
                start.pass(seen)
                moved[partition] = start
            }
        }
        return moved
    }

    /// Nil for a record of another writer, and for one that was not looked at.
    private static func seen(_ fetched: FetchedPartition, from offset: Int64) throws(KafkaError) -> DeltaStart.Look? {
        guard let records = fetched.records else { return nil }
        var reader = LogEntryReader(records.contiguous)
        // Damage is the opposite flow's to stop at.
        while let entry = try? reader.next() {
            guard entry.lastOffset >= offset else { continue }
            guard case .batch(let batch) = entry else { return nil }
            if batch.header.baseOffset > offset { return .hole(until: batch.header.baseOffset) }
            return batch.header.isControl ? .control(next: batch.header.nextOffset) : nil
        }
        return nil
    }
}
