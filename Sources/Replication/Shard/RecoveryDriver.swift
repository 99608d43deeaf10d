internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore

/// Requests of recoveries: as many as possible are sent together.
extension Shard {
    private struct Asked {
        let index: Int
        let subject: RecoverySubject
        let request: PartitionRecovery.Request
    }

    /// Answers the requests of recoveries until all are over.
    func drive(_ recoveries: inout [PartitionRecovery]) async {
        while !Task.isCancelled {
            let asked = recoveries.indices.compactMap { index in
                recoveries[index].nextRequest.map {
                    Asked(index: index, subject: recoveries[index].subject, request: $0)
                }
            }
            guard !asked.isEmpty else { return }
            for (kind, group) in Dictionary(grouping: asked, by: { Kind($0.request) }) {
                await perform(kind, group, &recoveries)
            }
        }
    }

    private func perform(_ kind: Kind, _ asked: [Asked], _ recoveries: inout [PartitionRecovery]) async {
        switch kind {
        case .describeProducers: await describeProducers(asked, &recoveries)
        case .replaceProducers: await replaceProducers(asked, &recoveries)
        case .offset(let side, let query): await findOffsets(side, query, asked, &recoveries)
        case .epochEnd(let side): await findEpochEnds(side, asked, &recoveries)
        case .compare: await compareRecords(asked, &recoveries)
        case .fence: await fence(asked, &recoveries)
        case .records(let side): await readRecords(side, asked, &recoveries)
        case .copies: await readCopies(asked, &recoveries)
        case .originals: await readOriginals(asked, &recoveries)
        case .origins: await learnOrigins(asked, &recoveries)
        case .sourceLeaderEnd: await findLeaderEnds(asked, &recoveries)
        }
    }

    private enum Side: Hashable {
        case source, target

        func partition(_ asked: Asked) -> TopicPartition {
            self == .source ? asked.subject.source : asked.subject.target
        }
    }

    /// Requests that can be sent together.
    private enum Kind: Hashable {
        case describeProducers, replaceProducers, compare, fence, origins, sourceLeaderEnd, copies, originals
        case offset(Side, OffsetQuery)
        case epochEnd(Side)
        case records(Side)

        init(_ request: PartitionRecovery.Request) {
            self =
                switch request {
                case .describeProducers: .describeProducers
                case .replaceProducers: .replaceProducers
                case .targetEnd: .offset(.target, .latest)
                case .targetEpochEnd: .epochEnd(.target)
                case .compare: .compare
                case .fence: .fence
                case .targetRecords: .records(.target)
                case .copies: .copies
                case .originals: .originals
                case .targetStart: .offset(.target, .earliest)
                case .sourceEpochEnd: .epochEnd(.source)
                case .sourceRecords: .records(.source)
                case .sourceStart: .offset(.source, .earliest)
                case .origins: .origins
                case .sourceLeaderEnd: .sourceLeaderEnd
                }
        }
    }

    private func client(_ side: Side) -> ClusterClient { side == .source ? source : target }

    /// Hands each recovery the outcome for its partition.
    private func deliver<Value>(
        _ outcomes: Outcomes<TopicPartition, Value>, _ side: Side, _ asked: [Asked],
        _ recoveries: inout [PartitionRecovery],
        _ take: (inout PartitionRecovery, Result<Value, KafkaError>) -> Void
    ) {
        for question in asked {
            let missing = KafkaError(.cancelled, during: .request(.fetch), cluster: client(side).settings.name)
            take(&recoveries[question.index], outcomes[side.partition(question)] ?? .failure(missing))
        }
    }

    private func describeProducers(_ asked: [Asked], _ recoveries: inout [PartitionRecovery]) async {
        let outcomes = await target.describeProducers(asked.map(\.subject.target))
        // Older brokers and other makes cannot tell.
        deliver(outcomes, .target, asked, &recoveries) { recovery, outcome in
            let producers = try? outcome.get().map {
                ProducerIdentity(id: $0.producerID, epoch: Int16(clamping: $0.epoch))
            }
            let sequences = (try? outcome.get()).map { producers in
                Dictionary(producers.map { ($0.producerID, $0.lastSequence) }) { first, _ in first }
            }
            recovery.described(producers, lastSequences: sequences ?? [:])
        }
    }

    private func replaceProducers(_ asked: [Asked], _ recoveries: inout [PartitionRecovery]) async {
        var ids: Set<Int64> = []
        for question in asked {
            if case .replaceProducers(let exhausted) = question.request { ids.formUnion(exhausted) }
        }
        await replaceExhausted(ids)
        for question in asked { recoveries[question.index].producersReplaced() }
    }

    private func findOffsets(
        _ side: Side, _ query: OffsetQuery, _ asked: [Asked], _ recoveries: inout [PartitionRecovery]
    ) async {
        let queries = Dictionary(asked.map { (side.partition($0), query) }) { first, _ in first }
        deliver(await client(side).offsets(queries), side, asked, &recoveries) { recovery, outcome in
            switch (outcome, recovery.nextRequest) {
            case (.failure(let error), _): recovery.failed(error)
            case (.success(let found), .targetStart): recovery.targetBegins(at: found.offset ?? 0)
            case (.success(let found), .sourceStart): recovery.sourceBegins(at: found.offset ?? 0)
            case (.success(let found), _):
                recovery.targetEnds(LogEnd(offset: found.offset ?? 0, epoch: found.leaderEpoch))
            }
        }
    }

    private func findEpochEnds(_ side: Side, _ asked: [Asked], _ recoveries: inout [PartitionRecovery]) async {
        var epochs: [TopicPartition: Int32] = [:]
        for question in asked {
            switch question.request {
            case .targetEpochEnd(let epoch), .sourceEpochEnd(let epoch): epochs[side.partition(question)] = epoch
            default: continue
            }
        }
        deliver(await client(side).epochEnds(epochs), side, asked, &recoveries) { recovery, outcome in
            let end: LogEnd?
            switch outcome {
            case .success(let found): end = found.endOffset.map { LogEnd(offset: $0, epoch: found.epoch ?? -1) }
            // Other makes cannot tell, or do not tell everybody: then contents do, or a log that is shorter.
            case .failure(let error) where error.remedy == .stop: end = nil
            case .failure(let error): return recovery.failed(error)
            }
            if side == .source { recovery.sourceEpochEnded(end) } else { recovery.targetEpochEnded(at: end?.offset) }
        }
    }

    private func fence(_ asked: [Asked], _ recoveries: inout [PartitionRecovery]) async {
        guard lease.isHeld else {
            let lost = KafkaError(.cancelled, during: .request(.writeTxnMarkers), cluster: target.settings.name)
            for question in asked { recoveries[question.index].failed(lost) }
            return
        }
        guard await own.canFence else {
            for question in asked { recoveries[question.index].fencingUnavailable() }
            return
        }
        var fences: [TopicPartition: [ProducerIdentity]] = [:]
        for question in asked {
            if case .fence(let producers) = question.request { fences[question.subject.target] = producers }
        }
        var refusal: KafkaError?
        var unfenced: Set<String> = []
        deliver(await target.fence(fences), .target, asked, &recoveries) { recovery, outcome in
            guard case .failure(let error) = outcome else { return recovery.fenced() }
            switch error.code {
            case .invalidProducerEpoch?, .producerFenced?: recovery.epochsTooLow(error)
            // Diskless topics take none, whoever asks.
            case .invalidTopicException?:
                if let topic = error.topic { unfenced.insert(topic) }
                recovery.fencingUnavailable()
            case .clusterAuthorizationFailed?, .unsupportedVersion?:
                refusal = error
                recovery.fencingUnavailable()
            default:
                guard case .unsupported = error.reason else { return recovery.failed(error) }
                refusal = error
                recovery.fencingUnavailable()
            }
        }
        await tell(unfenced: unfenced)
        guard let refusal, await own.fencingRefused() else { return }
        logger.warning(
            """
            the target does not let us fence older writers: one that still runs is shut out only by the first new \
            batch. Grant ALTER on CLUSTER to close that gap
            """,
            metadata: ["error": "\(refusal)"])
    }

    private func tell(unfenced topics: Set<String>) async {
        let news = await own.fencingRefused(for: topics).sorted()
        guard !news.isEmpty else { return }
        let shown = news.prefix(20).joined(separator: ",")
        logger.warning(
            """
            the target takes no markers for these topics, as for diskless ones: an older writer that still runs is shut \
            out of them only by the first new batch. The flow continues
            """,
            metadata: [
                "cluster": "\(target.settings.name)",
                "topics": "\(shown)\(news.count > 20 ? ",… (\(news.count) in all)" : "")",
            ])
    }

    private func readRecords(_ side: Side, _ asked: [Asked], _ recoveries: inout [PartitionRecovery]) async {
        let positions = asked.compactMap { question -> FetchPosition? in
            switch question.request {
            case .targetRecords(let offset), .sourceRecords(let offset):
                let partition = side.partition(question)
                return FetchPosition(topic: partition.topic, partition: partition.partition, fetchOffset: offset)
            default: return nil
            }
        }
        let outcomes = await client(side).read(
            positions, isolation: side == .source ? .readCommitted : .readUncommitted)
        // An answer without records says something only if others did not fill it.
        let hadRoom = !outcomes.values.contains { (try? $0.get())?.records != nil }
        let intake = scheduler.intake
        deliver(outcomes, side, asked, &recoveries) { recovery, outcome in
            switch (outcome, side) {
            case (.success(let fetched), .target):
                recovery.tookTargetRecords(fetched.records?.contiguous ?? ByteBuffer(), hadRoom: hadRoom)
            case (.success(let fetched), .source):
                recovery.tookSourceRecords(SourceMatch.Answer(fetched), intake: intake, hadRoom: hadRoom)
            case (.failure(let error), .target) where error.code == .offsetOutOfRange: recovery.targetOutOfRange()
            case (.failure(let error), .source) where error.code == .offsetOutOfRange: recovery.sourceOutOfRange()
            case (.failure(let error), _): recovery.failed(error)
            }
        }
    }

    /// The last copies of many partitions share their requests.
    private func readCopies(_ asked: [Asked], _ recoveries: inout [PartitionRecovery]) async {
        let outcomes = await target.read(
            asked.compactMap { question in
                guard case .copies(let offset) = question.request else { return nil }
                return Self.sample(of: question.subject.target, from: offset)
            }, isolation: .readUncommitted)
        let hadRoom = !outcomes.values.contains { (try? $0.get())?.records != nil }
        deliver(outcomes, .target, asked, &recoveries) { recovery, outcome in
            switch outcome {
            case .success(let fetched):
                recovery.tookCopies(fetched.records?.contiguous ?? ByteBuffer(), hadRoom: hadRoom)
            // A principal that may write need not be allowed to read.
            case .failure(let error) where error.code == .offsetOutOfRange || error.remedy == .stop:
                recovery.copiesUnavailable()
            case .failure(let error): recovery.failed(error)
            }
        }
    }

    private func readOriginals(_ asked: [Asked], _ recoveries: inout [PartitionRecovery]) async {
        let outcomes = await source.read(
            asked.compactMap { question in
                guard case .originals(let offset) = question.request else { return nil }
                return Self.sample(of: question.subject.source, from: offset)
            }, isolation: .readUncommitted)
        deliver(outcomes, .source, asked, &recoveries) { recovery, outcome in
            switch outcome {
            case .success(let fetched): recovery.tookOriginals(fetched.records?.contiguous ?? ByteBuffer())
            case .failure(let error) where error.code == .offsetOutOfRange || error.remedy == .stop:
                recovery.originalsUnavailable()
            case .failure(let error): recovery.failed(error)
            }
        }
    }

    private static func sample(of partition: TopicPartition, from offset: Int64) -> FetchPosition {
        FetchPosition(topic: partition.topic, partition: partition.partition, fetchOffset: offset)
    }

    private func learnOrigins(_ asked: [Asked], _ recoveries: inout [PartitionRecovery]) async {
        var needs: Set<OriginRules.Need> = []
        for question in asked { if case .origins(let need) = question.request { needs.insert(need) } }
        let isKnown = await learn(needs)
        for question in asked {
            if isKnown {
                recoveries[question.index].originsLearned()
            } else {
                recoveries[question.index].failed(
                    KafkaError(
                        .unexpectedAnswer("the origins of records cannot be looked up"), during: .request(.fetch),
                        cluster: source.settings.name))
            }
        }
    }

    private func findLeaderEnds(_ asked: [Asked], _ recoveries: inout [PartitionRecovery]) async {
        let cluster = source.settings.name
        deliver(await source.leaderLogEnds(of: asked.map(\.subject.source)), .source, asked, &recoveries) {
            recovery, outcome in
            switch outcome {
            case .success(let end): recovery.sourceLeaderEnds(at: end.endOffset, cluster: cluster)
            case .failure(let error) where error.remedy == .stop:
                recovery.sourceLeaderEnds(at: nil, cluster: cluster)
            case .failure(let error): recovery.failed(error)
            }
        }
    }

    // Single records.

    private func compareRecords(_ asked: [Asked], _ recoveries: inout [PartitionRecovery]) async {
        for question in asked {
            guard case .compare(let pair) = question.request else { continue }
            do throws(KafkaError) {
                let isCopy = try await isCopy(pair, question.subject)
                recoveries[question.index].compared(isCopy: isCopy)
            } catch {
                recoveries[question.index].failed(error)
            }
        }
    }

    /// Tells whether the target still has the copy of a record. Without a record on the target to compare nothing speaks
    /// against it; with one whose source record is gone, nothing speaks for it.
    private func isCopy(_ pair: OffsetSegment.Pair, _ subject: RecoverySubject) async throws(KafkaError) -> Bool {
        guard let copy = try await record(of: subject.target, at: pair.target, target) else {
            return subject.divergence == nil
        }
        guard let record = try await record(of: subject.source, at: pair.source, source) else { return false }
        return ContentFingerprint(copy, ignoringTimestamp: false)
            == ContentFingerprint(record, ignoringTimestamp: false)
    }

    /// Nil for a record that retention or compaction has taken.
    private func record(
        of partition: TopicPartition, at offset: Int64, _ cluster: ClusterClient
    ) async throws(KafkaError) -> Record? {
        do throws(KafkaError) {
            return try await cluster.record(of: partition, at: offset)
        } catch {
            if error.code == .offsetOutOfRange { return nil }
            // With everything behind it gone, too, an answer holds nothing.
            if case .unexpectedAnswer = error.reason { return nil }
            throw error
        }
    }
}
