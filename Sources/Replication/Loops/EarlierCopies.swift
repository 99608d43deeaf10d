package import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore

/// Finds copies that a flow without memory would bring once more: it was renamed, or its memory was lost.
///
/// Copies tell of themselves who brought them: their producer id is registered in `__replicator_origins`, their loop
/// headers name the cluster that they came from, and the flow that brought them may still have its own memory.
///
/// | evidence | sees |
/// |---|---|
/// | progress of another flow from the same source | its copies wherever they lie in the log |
/// | the oldest and the newest batch of each partition | registered producer ids, loop headers |
/// | the producers that a partition remembers (Kafka 2.8) | copies between those of others |
///
/// Only what came straight from the source counts. A log whose beginning has expired, whose end others have written
/// and whose producers are forgotten shows nothing.
package struct EarlierCopies: Sendable {
    /// Topics with copies, and the flows that brought them as far as is known.
    package struct Finding: Hashable, Sendable {
        package var topics: [String]
        package var flows: [String]
    }

    private let sourceClusterID: String
    private let target: ClusterClient

    /// Partitions asked about in one request.
    private static let batch = 250
    /// A header is all that is needed of a larger batch.
    private static let readBytes: Int32 = 64 << 10
    private static let patience: Duration = .seconds(5)

    package init(from sourceClusterID: String, on target: ClusterClient) {
        self.sourceClusterID = sourceClusterID
        self.target = target
    }

    /// - Parameter topics: the topics to be written to, and their partitions on the target.
    /// - Returns: nil when none of them holds such copies.
    package func find(in topics: [TopicMetadata]) async throws(KafkaError) -> Finding? {
        let ranges = await filled(topics)
        guard !ranges.isEmpty else { return nil }
        let registered = try await registeredFlows()
        var found: [String: Set<String>] = [:]
        let names = Set(ranges.keys.map(\.topic))
        for flow in Set(registered.values).sorted() {
            // Without the right to read another flow's memory there are the logs to go by.
            let copies = (try? await copies(of: flow, topics)) ?? []
            for topic in copies where names.contains(topic) {
                found[topic, default: []].insert(flow)
            }
        }
        let open = ranges.filter { found[$0.key.topic] == nil }
        for (topic, flows) in await batches(in: open, registered) { found[topic, default: []].formUnion(flows) }
        if !registered.isEmpty {
            let rest = open.keys.filter { found[$0.topic] == nil }
            for (topic, flows) in await producers(in: rest, registered) { found[topic, default: []].formUnion(flows) }
        }
        guard !found.isEmpty else { return nil }
        let flows = found.values.reduce(into: Set()) { $0.formUnion($1) }
        return Finding(topics: found.keys.sorted(), flows: flows.sorted())
    }

    /// Partitions that hold anything, from the first offset to behind the last.
    private func filled(_ topics: [TopicMetadata]) async -> [TopicPartition: Range<Int64>] {
        let partitions = topics.flatMap { topic in
            topic.partitions.filter { $0.value.leader != nil }.keys.map { TopicPartition(topic.name, $0) }
        }
        guard !partitions.isEmpty else { return [:] }
        // A partition that cannot be asked now concerns itself alone.
        let ends = await target.offsets(queries(partitions, .latest), patience: Self.patience)
        let starts = await target.offsets(queries(Array(ends.keys), .earliest), patience: Self.patience)
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in partitions {
            guard let start = try? starts[partition]?.get().offset, let end = try? ends[partition]?.get().offset,
                start < end
            else { continue }
            ranges[partition] = start..<end
        }
        return ranges
    }

    private func queries(_ partitions: [TopicPartition], _ query: OffsetQuery) -> [TopicPartition: OffsetQuery] {
        Dictionary(partitions.map { ($0, query) }) { first, _ in first }
    }

    /// The flows that have registered producer ids for what they bring from the source, by id.
    private func registeredFlows() async throws(KafkaError) -> [Int64: String] {
        let topic = OriginRecord.topic
        guard try await isThere(topic) else { return [:] }
        return try await RegisteredOrigins.read(StateTopic(topic, client: target)).records
            .filter { $0.value.sourceClusterID == sourceClusterID }.mapValues(\.flow)
    }

    private func isThere(_ topic: String) async throws(KafkaError) -> Bool {
        try await target.metadata(.named([topic])).topics[topic]?.partitions.isEmpty == false
    }

    /// Topics that a flow has written to, as it remembers; one that was created again since holds none of its copies.
    private func copies(of flow: String, _ topics: [TopicMetadata]) async throws(KafkaError) -> Set<String> {
        let topic = ProgressTopic.name(flow: flow)
        guard try await isThere(topic) else { return [] }
        var recorded = RecordedFlow()
        _ = try await recorded.read(StateTopic(topic, client: target))
        guard recorded.identity?.sourceClusterID == sourceClusterID else { return [] }
        let ids = Dictionary(topics.map { ($0.name, $0.id.hexadecimal) }) { first, _ in first }
        var copies: Set<String> = []
        for (partition, checkpoint) in recorded.checkpoints where (checkpoint.accounting?.written ?? 0) > 0 {
            guard let name = recorded.targetName(of: partition.topic), let id = ids[name],
                checkpoint.targetTopicID ?? id == id
            else { continue }
            copies.insert(name)
        }
        return copies
    }
}

// Contents of the logs.
extension EarlierCopies {
    private func batches(
        in ranges: [TopicPartition: Range<Int64>], _ registered: [Int64: String]
    ) async -> [String: Set<String>] {
        var found: [String: Set<String>] = [:]
        for end in [\Range<Int64>.lowerBound, \.last] {
            let partitions = ranges.keys.filter { found[$0.topic] == nil }.sorted { $0.description < $1.description }
            for some in partitions.chunked(by: Self.batch) {
                var positions: [TopicPartition: FetchPosition] = [:]
                for partition in some {
                    guard let offset = ranges[partition]?[keyPath: end] else { continue }
                    positions[partition] = FetchPosition(
                        topic: partition.topic, partition: partition.partition, fetchOffset: offset,
                        maxBytes: Self.readBytes)
                }
                for (topic, flow) in await batches(at: positions, registered) {
                    found[topic, default: []].formUnion(flow.map { [$0] } ?? [])
                }
            }
        }
        return found
    }

    /// One batch of each partition. Those that did not fit into an answer any more are asked for again.
    private func batches(
        at positions: [TopicPartition: FetchPosition], _ registered: [Int64: String]
    ) async -> [(topic: String, flow: String?)] {
        var found: [(String, String?)] = []
        var open = positions
        while !open.isEmpty {
            let answers = await target.read(Array(open.values), isolation: .readUncommitted)
            var progress = 0
            for (partition, answer) in answers {
                // Records that have expired meanwhile show nothing.
                guard let bytes = try? answer.get().records?.contiguous else { continue }
                progress += 1
                open[partition] = nil
                if let flow = evidence(in: bytes, registered) { found.append((partition.topic, flow)) }
            }
            guard progress > 0 else { break }
        }
        return found
    }

    /// - Returns: nil for a batch that no flow from the source wrote; the flow, where it is known, for one that did.
    private func evidence(in bytes: ByteBuffer, _ registered: [Int64: String]) -> String?? {
        guard let header = try? RecordBatchHeader(parsing: bytes), header.magic == 2, !header.isControl else {
            return nil
        }
        if let flow = registered[header.producerID] { return .some(flow) }
        var entries = LogEntryReader(bytes)
        guard case .batch(let batch)? = try? entries.next(),
            var records = try? RecordStream(batch, limit: RecordStream.ordinaryLimit),
            let record = try? records.next(),
            let value = record.headers.first(where: { $0.key == LoopHeader.keyBytes })?.value,
            let way = LoopHeader(decoding: value), way.chain.last == sourceClusterID
        else { return nil }
        return .some(nil)
    }

    private func producers(
        in partitions: [TopicPartition], _ registered: [Int64: String]
    ) async -> [String: Set<String>] {
        var found: [String: Set<String>] = [:]
        for some in partitions.chunked(by: Self.batch) {
            for (partition, outcome) in await target.describeProducers(some) {
                // Older brokers do not tell.
                guard let producers = try? outcome.get() else { continue }
                // One that has only fenced has no sequence.
                for producer in producers where producer.lastSequence >= 0 {
                    if let flow = registered[producer.producerID] { found[partition.topic, default: []].insert(flow) }
                }
            }
        }
        return found
    }
}

extension Range<Int64> {
    fileprivate var last: Int64 { upperBound - 1 }
}
