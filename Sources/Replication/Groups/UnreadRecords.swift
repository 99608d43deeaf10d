internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// Finds records of a target that groups of the source cannot have read, where more than the flow and its opposite
/// write to the target or records come round a ring.
///
/// The maps say of a target offset that it holds a copy of ours, or something that the opposite flow has been past. The
/// rule for all the others, from the group's position on the target (or the log's start) up to the place that it is to
/// move to: **a group is moved forward only past target offsets that hold**
///
/// - a copy that this flow has made of a record in front of the group's position, or that another flow from the same
///   source has made: its records are the source's, and two flows never copy the same ones;
/// - a record that an opposite flow brings to the source, and the group has read there, or that stays behind;
/// - a record that an application wrote to the target, where no flow leads back to the source: the group is there
///   for the source's records;
/// - a marker, or nothing.
///
/// The first of any other kind holds it: a record that a flow from another cluster brought (fan-in), or one that was
/// born on the target and comes to the source by a way of several flows (a ring), of which no map tells whether the
/// group has read it there. The position on the target becomes that record's, so that it is not missed, and the group
/// is named with the reason, since it may read again what lies behind. Where it cannot be told what an offset holds, the
/// group is left alone.
///
/// ```
///   target   a0' a1' b0 a2' b1 …     a: copies of ours, b: of a flow from another source
///                    ▲     ▲
///                    held  where the group is at the source
/// ```
actor UnreadRecords {
    /// Finding about a stretch of a target's log.
    enum Finding: Hashable, Sendable {
        case none
        /// A record that the group cannot have read, and whose it is, in words.
        case record(Int64, String)
        /// Nothing as far as this offset: the rest is looked at the next time.
        case unknown(from: Int64)
    }

    private let source: ClusterClient
    private let target: ClusterClient
    private let flow: String
    private var writers: RegisteredFlows
    private var feeders: RegisteredFlows
    private var clusters: (source: String, target: String) = ("", "")
    private var others: [RegisteredFlow] = []
    private var ways: [FlowWay] = []
    /// Flows to the source, of a version that records no ways, whose records have been on the target.
    private var throughTarget: Set<String> = []
    /// Findings in stretches of the log that a partition has, by where they begin; each cost requests.
    private var known: [TopicPartition: (log: LogState, stretches: [Int64: (end: Int64, finding: Finding)])] = [:]

    /// Bytes of one answer, and answers for one stretch each round.
    private static let fetchBytes: Int32 = 64 << 10
    private static let mostFetches = 64
    private static let mostKnown = 4_096

    init(flow: String, source: ClusterClient, target: ClusterClient) {
        self.flow = flow
        self.target = target
        self.source = source
        writers = RegisteredFlows(of: target)
        feeders = RegisteredFlows(of: source)
    }

    /// Reads which flows write to both clusters.
    func refresh(sourceID: String, targetID: String) async throws(KafkaError) {
        clusters = (sourceID, targetID)
        let topic = try await target.metadata(.named([OriginRecord.topic]), allowingAge: .seconds(10))
        var writing = writers
        try await writing.refresh(topic)
        writers = writing
        let before = others
        others = writers.flows(on: targetID).filter { $0.name != flow && $0.sourceClusterID != sourceID }
        if before != others { known = [:] }
        // Asked for at each look at opposite flows too.
        let metadata = try await source.metadata(.all, allowingAge: .seconds(10))
        do throws(KafkaError) {
            var feeding = feeders
            try await feeding.refresh(metadata)
            feeders = feeding
        } catch  where error.isAuthorization {
            // In prefix naming a flow needs no right on it, and names tell.
        }
        let feeding = feeders.flows(on: sourceID, kept: metadata).filter { $0.sourceClusterID != targetID }
        throughTarget = Set(
            feeding.filter { $0.selection == nil && $0.clusters.contains(targetID) }.map(\.name))
        ways = FlowWay.ways(to: sourceID, feeding.compactMap { $0.party.map { ($0.step, $0.ways) } })
    }

    /// True where only this flow and its opposite, or applications, write.
    var concernsNothing: Bool { others.isEmpty && ways.isEmpty && throughTarget.isEmpty }

    /// The first record that holds a group back between two target offsets.
    ///
    /// - Parameters:
    ///   - position: the group's on the target, or the log's start.
    ///   - wanted: the place that the maps have found for it.
    ///   - log: the log that the target has now; nil when it could not be asked.
    func first(
        from position: Int64, to wanted: Int64, _ route: GroupRoutes.Route, of source: TopicPartition, in log: LogState?
    ) async throws(KafkaError) -> Finding {
        let partition = route.target
        let othersWrite = others.contains { $0.mayWrite(to: partition.topic) }
        let comesRound = comesRound(partition.topic, to: source.topic)
        guard othersWrite || comesRound else { return .none }
        if let earlier = known[partition]?.log, log?.continues(earlier) != true { known[partition] = nil }
        var position = position
        while let gap = route.offsets.firstUnknown(from: position, to: wanted) {
            switch try await look(at: gap, of: partition, in: log, countsBornThere: comesRound) {
            case .none: position = gap.upperBound
            case let finding: return finding
            }
        }
        return .none
    }

    /// Tells whether records that are born in a target topic come to the source over other clusters.
    private func comesRound(_ topic: String, to copy: String) -> Bool {
        !throughTarget.isEmpty
            || ways.contains { way in
                way.origins(of: copy).contains {
                    $0.step.sourceClusterID == clusters.target && $0.topic == topic
                }
            }
    }

    private func look(
        at gap: Range<Int64>, of partition: TopicPartition, in log: LogState?, countsBornThere: Bool
    ) async throws(KafkaError) -> Finding {
        var scan = LogRangeScan(from: gap.lowerBound, to: gap.upperBound)
        if let found = known[partition]?.stretches[gap.lowerBound] {
            switch found.finding {
            case .record(let offset, _) where offset < gap.upperBound: return found.finding
            case .none where found.end >= gap.upperBound: return .none
            // It has grown.
            case .none, .record: scan = LogRangeScan(from: min(found.end, gap.upperBound), to: gap.upperBound)
            case .unknown(let from): scan = LogRangeScan(from: from, to: gap.upperBound)
            }
        }
        var finding = Finding.none
        var fetches = 0
        while !scan.isDone, finding == .none {
            guard fetches < Self.mostFetches else {
                finding = .unknown(from: scan.position)
                break
            }
            fetches += 1
            finding = try await look(&scan, of: partition, countsBornThere: countsBornThere)
        }
        if known.count > Self.mostKnown { known = [:] }
        guard let log else { return finding }
        var kept = known[partition] ?? (log, [:])
        if kept.stretches.count > Self.mostKnown { kept.stretches = [:] }
        kept.log = log
        kept.stretches[gap.lowerBound] = (gap.upperBound, finding)
        known[partition] = kept
        return finding
    }

    private func look(
        _ scan: inout LogRangeScan, of partition: TopicPartition, countsBornThere: Bool
    ) async throws(KafkaError) -> Finding {
        let fetched = try await target.read(
            FetchPosition(
                topic: partition.topic, partition: partition.partition, fetchOffset: scan.position,
                maxBytes: Self.fetchBytes),
            isolation: .readUncommitted)
        let start = scan.position
        var next = start
        var entries = LogEntryReader(fetched.records?.contiguous ?? ByteBuffer())
        do throws(WireError) {
            while next < scan.end, let entry = try entries.next() {
                guard (0...LogOffset.largest).contains(entry.lastOffset) else {
                    throw .invalidRecords(reason: "offset \(entry.lastOffset) cannot be one")
                }
                guard entry.lastOffset >= next else { continue }
                var first = next
                if case .batch(let batch) = entry { first = max(next, batch.header.baseOffset) }
                guard first < scan.end else {
                    next = scan.end
                    break
                }
                if let whose = await whose(entry, countsBornThere: countsBornThere) { return .record(first, whose) }
                next = entry.lastOffset + 1
            }
        } catch {
            throw KafkaError(
                .unexpectedAnswer("the log is damaged behind offset \(next): \(error)"), during: .request(.fetch),
                cluster: target.settings.name, topic: partition.topic, partition: partition.partition)
        }
        scan.read(upTo: next)
        return .none
    }

    /// The writer of an entry that no group of the source has read by the maps; nil for one that holds no group back.
    private func whose(_ entry: LogEntry, countsBornThere: Bool) async -> String? {
        let born =
            countsBornThere ? "was written on the target itself and comes to \(source.settings.name) round a ring" : nil
        guard case .batch(let batch) = entry else { return born }
        guard !batch.header.isControl, batch.header.recordCount > 0 else { return nil }
        guard batch.header.producerID >= 0 else { return born }
        var record = writers.origins.records[batch.header.producerID]
        if record == nil {
            // Registered before its first batch: what is not there after the batch was seen is no flow's.
            var writing = writers
            if (try? await writing.refresh()) != nil { writers = writing }
            record = writers.origins.records[batch.header.producerID]
        }
        if writers.origins.unreadable[batch.header.producerID] != nil {
            return "was written under a producer id whose registration cannot be understood"
        }
        guard let record else { return born }
        guard record.sourceClusterID != clusters.source else { return nil }
        return "was brought by flow \"\(record.flow)\" from another cluster"
    }
}

extension RegisteredFlow {
    fileprivate func mayWrite(to topic: String) -> Bool {
        party.map { $0.step.original(of: topic) != nil } ?? true
    }
}

extension PartitionOffsets {
    /// The first target offsets between two of which no map tells what they hold.
    package func firstUnknown(from position: Int64, to wanted: Int64) -> Range<Int64>? {
        // Below it everything has come to the source, or stays behind.
        var start = ([backward].compactMap(\.self) + otherBackward).map(\.passed).reduce(position, max)
        var end = wanted
        if let forward {
            start = forward.firstForeign(fromTarget: start)
            end = min(end, forward.first(fromTarget: start)?.target ?? wanted)
        }
        return start < end ? start..<end : nil
    }
}
