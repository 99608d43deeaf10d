internal import KafkaClient
internal import KafkaWire
internal import NIOCore
internal import Replication

/// Finds out on a topic made for it, and deleted afterwards, whether the target keeps what it is given: producer ids
/// and timestamps, lone markers that fence older writers; and what time it believes it is.
struct FidelityProbe: Sendable {
    let settings: FlowSettings
    let target: ClusterClient
    let wallClock: @Sendable () -> Int64

    private var topic: String { ProbeTopic.name(flow: settings.name) }
    private var partition: TopicPartition { TopicPartition(topic, 0) }
    /// Clocks that differ by more are worth a word, in milliseconds.
    private static let tolerance: Int64 = 5_000

    func examine(brokers: Int) async -> [Finding] {
        // An earlier probe may have been killed.
        _ = await target.deleteTopics([topic])
        let wanted = NewTopic(
            topic, partitions: 1, replicationFactor: Int16(clamping: max(1, min(3, brokers))),
            configs: ["cleanup.policy": "delete", "message.timestamp.type": "CreateTime"])
        if case .failure(let error) = await target.createTopics([wanted])[topic] {
            return [failed("cannot create \(topic)", error, permission: .create)]
        }
        var findings: [Finding] = []
        do throws(KafkaError) {
            findings += try await writeAndRead()
            findings += await clock()
        } catch {
            findings.append(failed("cannot use \(topic)", error, permission: .write))
        }
        if case .failure(let error) = await target.deleteTopics([topic])[topic] {
            findings.append(
                Finding(
                    .warning, "fidelity", settings.target.name,
                    "the probe's topic \(topic) could not be deleted: \(error)",
                    why: "it stays, with a few records", remedy: "delete \(topic)"))
        }
        return findings
    }

    private func failed(_ what: String, _ error: KafkaError, permission operation: AccessOperation) -> Finding {
        let missing = error.isAuthorization ? MissingPermission(operation, on: .topic, topic, of: settings.target) : nil
        return Finding(
            .warning, "fidelity", settings.target.name, "\(what): \(missing.map { "\($0)" } ?? "\(error)")",
            why: "what the target keeps is not known", remedy: missing?.command ?? "")
    }

    private func writeAndRead() async throws(KafkaError) -> [Finding] {
        // Waits for the new topic's leader.
        if case .failure(let error) = await target.offsets([partition: .latest])[partition] { throw error }
        let producer = try await target.initProducerID()
        // Older than a day: such a batch leaves no trace in the broker's memory of producers.
        let timestamp = wallClock() - 2 * 86_400_000
        _ = try await produce(timestamp: timestamp, producer, sequence: 0)
        let entries = try await RecordSample(client: target).entries(of: partition, from: 0)
        guard case .batch(let batch)? = entries.first else {
            throw KafkaError(
                .unexpectedAnswer("no batch where one was written"), during: .request(.fetch),
                cluster: settings.target.name)
        }
        var findings: [Finding] = []
        let keepsProducer = batch.header.producerID == producer.id && batch.header.producerEpoch == producer.epoch
        findings.append(
            keepsProducer
                ? Finding(.ok, "fidelity", settings.target.name, "keeps producer ids")
                : Finding(
                    .error, "fidelity", settings.target.name,
                    "does not keep producer ids: \(producer.id) became \(batch.header.producerID)",
                    why: "after a crash the flow recognises its own records by them",
                    remedy: "use delivery: atLeastOnce"))
        findings.append(
            batch.header.maxTimestamp == timestamp
                ? Finding(.ok, "fidelity", settings.target.name, "keeps timestamps")
                : Finding(
                    .warning, "fidelity", settings.target.name, "does not keep timestamps",
                    why: "records get the time of their arrival",
                    remedy: "check log.message.timestamp.type of the brokers"))
        findings.append(await marker(producer))
        if settings.offsets == .preserve { findings += await offsets(producer) }
        return findings
    }

    private func produce(
        timestamp: Int64, _ producer: ProducerIdentity, sequence: Int32
    ) async throws(KafkaError) -> ProduceResponse.PartitionProduceResponse {
        var builder = RecordBatchBuilder(
            producerID: producer.id, producerEpoch: producer.epoch, baseSequence: sequence)
        builder.append(timestamp: timestamp, key: ByteBuffer(string: "probe"), value: ByteBuffer(string: "probe"))
        var data = ProduceRequest.PartitionProduceData()
        do throws(WireError) {
            data.records = RecordBytes(try builder.finish().bytes)
        } catch {
            throw KafkaError(.wire(error), during: .request(.produce), cluster: settings.target.name)
        }
        var topicData = ProduceRequest.TopicProduceData()
        topicData.name = topic
        topicData.partitionData = [data]
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = 10_000
        request.topicData = [topicData]
        let leader = try await target.metadata(.named([topic]), allowingAge: .seconds(60)).partition(topic, 0)?.leader
        let response = try await target.send(request, to: leader.map { .broker($0) } ?? .any, versions: 3...12)
        guard let answer = response.responses.first?.partitionResponses.first else {
            throw KafkaError(
                .unexpectedAnswer("no partition in it"), during: .request(.produce), cluster: settings.target.name)
        }
        guard answer.errorCode == .none else {
            throw KafkaError(
                .broker(answer.errorCode, message: answer.errorMessage), during: .request(.produce),
                cluster: settings.target.name, topic: topic, partition: 0)
        }
        return answer
    }

    /// A marker without a transaction: stock brokers take it from whoever may act for the cluster, and then refuse the
    /// producer's older epochs.
    private func marker(_ producer: ProducerIdentity) async -> Finding {
        var topics = WriteTxnMarkersRequest.WritableTxnMarkerTopic()
        topics.name = topic
        topics.partitionIndexes = [0]
        var marker = WriteTxnMarkersRequest.WritableTxnMarker()
        marker.producerID = producer.id
        marker.producerEpoch = producer.epoch &+ 1
        marker.topics = [topics]
        var request = WriteTxnMarkersRequest()
        request.markers = [marker]
        let why = "an older instance of the flow is not fenced at once, only by its next write"
        do throws(KafkaError) {
            let leader = try await target.metadata(.named([topic]), allowingAge: .seconds(60)).partition(topic, 0)?
                .leader
            let response = try await target.send(request, to: leader.map { .broker($0) } ?? .any)
            let code = response.markers.first?.topics.first?.partitions.first?.errorCode ?? .none
            if code == .none { return Finding(.ok, "fidelity", settings.target.name, "takes lone markers") }
            let permission = MissingPermission(.clusterAction, on: .cluster, of: settings.target)
            return Finding(
                .warning, "fidelity", settings.target.name, "takes no lone markers: \(code)", why: why,
                remedy: code == .clusterAuthorizationFailed ? permission.command : "")
        } catch {
            return Finding(
                .warning, "fidelity", settings.target.name, "takes no lone markers: \(error.reason.words)", why: why)
        }
    }

    /// A batch has the offset at which the log ended; lone markers take one offset each, several of one producer in one request
    /// too, and the next batch has the offset behind them; filler can be deleted.
    private func offsets(_ producer: ProducerIdentity) async -> [Finding] {
        let fenced = ProducerIdentity(id: producer.id, epoch: producer.epoch &+ 1)
        let cluster = settings.target.name
        let why = "with offsets: preserve no copy could have its source's offsets"
        let remedy = "use offsets: translate"
        do throws(KafkaError) {
            let before = try await end()
            let first = try await produce(timestamp: wallClock(), try await target.initProducerID(), sequence: 0)
                .baseOffset
            guard first == before else {
                return [
                    Finding(
                        .error, "fidelity", cluster,
                        "renumbers: a batch that was written where the log ended, at offset \(before), got offset \(first)",
                        why: why, remedy: remedy)
                ]
            }
            if let refusal = try await markers(fenced) {
                return [Finding(.error, "fidelity", cluster, refusal.what, why: why, remedy: refusal.remedy ?? remedy)]
            }
            let base = try await produce(timestamp: wallClock(), fenced, sequence: 0).baseOffset
            let expected = first + 1 + Int64(Self.markerCount)
            guard base == expected else {
                return [
                    Finding(
                        .error, "fidelity", cluster,
                        "renumbers: behind \(Self.markerCount) markers from offset \(first + 1) on a batch got offset \(base), not "
                            + "\(expected)", why: why, remedy: remedy)
                ]
            }
            let kept = Finding(.ok, "fidelity", cluster, "takes several markers at once, and gives offsets behind them")
            guard case .failure(let error)? = await target.deleteRecords(before: [partition: base])[partition] else {
                return [kept]
            }
            let permission = MissingPermission(.delete, on: .topic, topic, of: settings.target)
            return [
                kept,
                Finding(
                    .warning, "fidelity", cluster, "does not delete records: \(error.reason.words)",
                    why:
                        "what brings a new topic's log to its source's first offset cannot be deleted (offsets: preserve)",
                    remedy: error.isAuthorization
                        ? permission.command : "begin with sources whose logs begin at offset 0"),
            ]
        } catch {
            return [
                Finding(
                    .error, "fidelity", cluster, "cannot be asked for offsets: \(error)", why: why, remedy: remedy)
            ]
        }
    }

    private static let markerCount = 3

    /// - Returns: why markers are refused, and what would help; nil when they are written.
    private func markers(
        _ producer: ProducerIdentity
    ) async throws(KafkaError) -> (what: String, remedy: String?)? {
        let leader = try await target.metadata(.named([topic]), allowingAge: .seconds(60)).partition(topic, 0)?.leader
        let outcome = await target.writeMarkers(
            [partition: MarkerRun(producer: producer, count: Self.markerCount)], at: leader ?? -1)[partition]
        switch outcome {
        case .written, nil: return nil
        case .inDoubt(let error): throw error
        case .refused(let error):
            switch error.code {
            case .clusterAuthorizationFailed?:
                let permission = MissingPermission(.alter, on: .cluster, of: settings.target)
                return ("refuses markers: \(permission)", permission.command)
            case .invalidTopicException?:
                return ("refuses markers in a topic like this one, as diskless topics do: \(error.reason.words)", nil)
            default: return ("refuses markers: \(error.reason.words)", nil)
            }
        }
    }

    private func end() async throws(KafkaError) -> Int64 {
        switch await target.offsets([partition: .latest])[partition] {
        case .success(let found): found.offset ?? -1
        case .failure(let error): throw error
        case nil: -1
        }
    }

    /// With the broker's own time on records an answer tells that time.
    private func clock() async -> [Finding] {
        let changed = await target.alterConfigs([.topic(topic): ["message.timestamp.type": .set("LogAppendTime")]])
        guard case .success = changed[.topic(topic)] else { return [] }
        do throws(KafkaError) {
            let producer = try await target.initProducerID()
            let before = wallClock()
            let answer = try await produce(timestamp: before, producer, sequence: 0)
            let after = wallClock()
            guard answer.logAppendTimeMs > 0 else { return [] }
            let here = before + (after - before) / 2
            let skew = answer.logAppendTimeMs - here
            guard abs(skew) > Self.tolerance + (after - before) else {
                return [Finding(.ok, "clocks", settings.target.name, "its clock and ours agree")]
            }
            return [
                Finding(
                    .warning, "clocks", settings.target.name,
                    "its clock is \(abs(skew)) ms \(skew > 0 ? "ahead of" : "behind") ours",
                    why: "latencies, retention by time and limits on timestamps will be off by that",
                    remedy: "synchronise the clocks")
            ]
        } catch {
            return []
        }
    }
}
