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
    /// Reason why the newest record about a failover cannot be understood; nil when it can be.
    private var failoverFlaw: String?
    /// True if the topic is there.
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
            var reader = log.reader(from: next)
            while let records = try await reader.records() {
                for record in records {
                    do { try take(record) } catch { await log.skip(record, because: "\(error)") }
                }
                next = reader.next
            }
        } catch {
            throw .unreadableProgress(topic: topic, error)
        }
        // Without them a failover would begin where it must not.
        if let flaw = flow.identityRefusal ?? failoverFlaw {
            throw .unreadableProgress(topic: topic, cluster: client.settings.name, reason: flaw)
        }
    }

    private mutating func take(_ record: Record) throws {
        guard record.key == FailoverRecord.key else { return try flow.take(record) }
        do {
            failover = try record.value.map { try FailoverRecord(decoding: $0) }
            failoverFlaw = nil
        } catch {
            failoverFlaw =
                "the record at offset \(record.offset), which remembers a failover, cannot be understood: \(error). "
                + "See who else may write to this topic. A record with the key failover and no value lets the next "
                + "failover begin from scratch"
            throw error
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
