internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Content of a flow's progress topic, read from outside of the flow and kept up to date.
struct FlowMemory {
    private let log: StateTopic
    private let client: ClusterClient
    private let topic: String
    private var next: Int64 = 0
    private(set) var flow = RecordedFlow()
    private(set) var failover: FailoverRecord?
    /// Whether the topic is there.
    private(set) var exists = false

    /// - Parameter client: of the cluster that the flow writes to.
    init(flow name: String, on client: ClusterClient) {
        topic = ProgressTopic.name(flow: name)
        self.client = client
        log = StateTopic(topic, client: client)
    }

    /// Completed source offset of each partition, as of the last ``refresh()``.
    var passed: [TopicPartition: Int64] { flow.checkpoints.mapValues(\.sourceOffset) }

    /// Takes in what has been written since the last time.
    mutating func refresh() async throws(FlowError) {
        do throws(KafkaError) {
            if !exists {
                let metadata = try await client.metadata(.named([topic]))
                exists = metadata.topics[topic]?.partitions.isEmpty == false
            }
            guard exists else { return }
            let read = try await log.read(from: next)
            next = read.next
            for record in read.records { try take(record) }
        } catch {
            throw .unreadableProgress(topic: topic, error)
        }
    }

    private mutating func take(_ record: Record) throws(KafkaError) {
        do {
            guard record.key == FailoverRecord.key else { return try flow.take(record) }
            failover = try record.value.map { try FailoverRecord(decoding: $0) }
        } catch {
            throw KafkaError(
                .unexpectedAnswer("the record at offset \(record.offset) is not one of ours: \(error)"),
                during: .request(.fetch), cluster: client.settings.name, topic: topic, partition: 0)
        }
    }

    /// Remembers what has become of a failover.
    ///
    /// - Parameter timestamp: milliseconds since 1970.
    mutating func store(_ record: FailoverRecord, timestamp: Int64) async throws(FlowError) {
        do {
            let value = try record.value()
            try await log.append([
                Record(offset: 0, timestamp: timestamp, key: FailoverRecord.key, value: value, headers: [])
            ])
        } catch let error as KafkaError {
            throw .kafka(error)
        } catch {
            throw .unreadableProgress(topic: topic, cluster: client.settings.name, reason: "\(error)")
        }
        failover = record
    }

    /// The flow's partitions with their maps, in order.
    ///
    /// - Parameter isSettled: whether nothing is on its way that the maps do not know yet.
    func partitions(isSettled: Bool) -> [ForwardPartition] {
        flow.partitions(isSettled: isSettled).sorted {
            ($0.source.topic, $0.source.partition) < ($1.source.topic, $1.source.partition)
        }
    }
}

extension ClusterClient {
    /// Start or end offsets of partitions.
    ///
    /// - Throws: when any of them cannot be asked.
    func bounds(
        _ query: OffsetQuery, of partitions: some Sequence<TopicPartition>,
        isolation: IsolationLevel = .readUncommitted
    ) async throws(KafkaError) -> [TopicPartition: Int64] {
        let queries = Dictionary(partitions.map { ($0, query) }) { first, _ in first }
        var found: [TopicPartition: Int64] = [:]
        for (partition, outcome) in await offsets(queries, isolation: isolation) {
            found[partition] = try outcome.get().offset ?? 0
        }
        return found
    }
}
