package import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore

/// Finds copies that another program has made, by a look at one record: the newest on the target, and the source's of the
/// same time.
///
/// Copies without the timestamps of their originals are not seen.
package struct ForeignCopies: Sendable {
    private let source: ClusterClient
    private let target: ClusterClient
    private let targetClusterID: String

    /// Topics looked at: a flow that would double records has others of the kind.
    private static let mostTopics = 100
    private static let readBytes: Int32 = 64 << 10
    private static let patience: Duration = .seconds(5)

    package init(source: ClusterClient, target: ClusterClient, targetClusterID: String) {
        self.source = source
        self.target = target
        self.targetClusterID = targetClusterID
    }

    /// - Parameter topics: the flow's topics by their names on either side, those that exist on both.
    /// - Returns: target topics whose newest record the source has too. What cannot be read shows nothing.
    package func find(in topics: [(source: String, target: TopicMetadata)]) async -> [String] {
        let looked = topics.prefix(Self.mostTopics)
        let partitions = looked.flatMap { topic in
            topic.target.partitions.filter { $0.value.leader != nil }.keys.map {
                (source: TopicPartition(topic.source, $0), target: TopicPartition(topic.target.name, $0))
            }
        }
        guard !partitions.isEmpty else { return [] }
        let ends = await target.offsets(
            Dictionary(partitions.map { ($0.target, OffsetQuery.latest) }) { first, _ in first },
            patience: Self.patience)
        var found: Set<String> = []
        var asked: Set<String> = []
        for pair in partitions.sorted(by: { $0.target.partition < $1.target.partition })
        where !asked.contains(pair.target.topic) {
            guard let end = try? ends[pair.target]?.get().offset, end > 0,
                let newest = await record(of: pair.target, at: target, before: end)
            else { continue }
            asked.insert(pair.target.topic)
            if await isAtSource(newest, pair.source) { found.insert(pair.target.topic) }
        }
        return found.sorted()
    }

    private func isAtSource(_ copy: Record, _ partition: TopicPartition) async -> Bool {
        guard copy.timestamp >= 0, copy.key != nil || copy.value != nil else { return false }
        let places = await source.offsets([partition: .timestamp(copy.timestamp)], patience: Self.patience)
        guard let offset = try? places[partition]?.get().offset else { return false }
        let records = await records(of: partition, at: source, from: offset)
        return records.contains {
            $0.timestamp == copy.timestamp && $0.key == copy.key && $0.value == copy.value && !hasComeFromTarget($0)
        }
    }

    private func hasComeFromTarget(_ record: Record) -> Bool {
        record.headers.contains { header in
            guard header.key == LoopHeader.keyBytes, let value = header.value else { return false }
            return LoopHeader(decoding: value)?.chain.contains(targetClusterID) ?? false
        }
    }

    /// The newest record before an offset. One marker may lie behind it.
    private func record(of partition: TopicPartition, at client: ClusterClient, before end: Int64) async -> Record? {
        for offset in [end - 1, end - 2] where offset >= 0 {
            if let record = await records(of: partition, at: client, from: offset).last { return record }
        }
        return nil
    }

    private func records(of partition: TopicPartition, at client: ClusterClient, from offset: Int64) async -> [Record] {
        let position = FetchPosition(
            topic: partition.topic, partition: partition.partition, fetchOffset: offset, maxBytes: Self.readBytes)
        guard let fetched = try? await client.read(position, isolation: .readCommitted), let bytes = fetched.records
        else { return [] }
        var entries = LogEntryReader(bytes.contiguous)
        guard case .batch(let batch)? = try? entries.next(), !batch.header.isControl,
            var reader = try? RecordStream(batch, limit: RecordStream.ordinaryLimit)
        else { return [] }
        var found: [Record] = []
        while let record = try? reader.next() {
            if record.offset >= offset { found.append(record) }
        }
        return found
    }
}
