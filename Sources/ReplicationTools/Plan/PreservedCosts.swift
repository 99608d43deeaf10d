package import KafkaClient
internal import KafkaWire
internal import PlainText
package import Replication

/// Costs of copies with the offsets of their source, as far as they can be told before anything is written: offsets in front of
/// the first copies, and holes between them. A part of each log is looked at for those.
package struct PreservedCosts: Hashable, Sendable {
    /// Requests that do something, the bytes that they leave on the target, and the time that it takes to answer them.
    package struct Work: Hashable, Sendable {
        package var offsets: Int64 = 0
        package var requests: Int64 = 0
        package var bytes: Int64 = 0
        package var seconds = 0.0
    }

    /// Partitions whose first copy does not have offset 0.
    package private(set) var beginningPartitions = 0
    package private(set) var filler = Work()
    package private(set) var markers = Work()
    /// Offsets that are to be copied, or to be holes.
    package private(set) var offsets: Int64 = 0
    /// Number of them that were looked at.
    package private(set) var sample = HoleSample()
    package private(set) var unknown = 0

    package init() {}

    // Measured on stock brokers with default settings.
    private static let fillerBytes = 0.75
    private static let fillerRate = 3_000_000.0
    private static let markerBytes: Int64 = 78
    private static let markerRate = 20_000.0
    /// Cost of a request that its partition waits for, nearby.
    private static let roundTrip = 0.002

    package mutating func add(beginning: Int64, cleanup: CleanupPolicy, holes: HoleChoice) {
        guard beginning > 0 else { return }
        beginningPartitions += 1
        if cleanup == .compact, holes == .markers {
            let requests = (beginning - 1) / OffsetAlignment.mostMarkers + 1
            markers.offsets += beginning
            markers.requests += requests
            markers.bytes += beginning * Self.markerBytes
            markers.seconds += Double(beginning) / Self.markerRate + Double(requests) * Self.roundTrip
        } else {
            let requests = (beginning - 1) / Filler.largest + 1
            filler.offsets += beginning
            filler.requests += requests
            filler.bytes += Int64(Double(beginning) * Self.fillerBytes)
            filler.seconds += Double(beginning) / Self.fillerRate + Double(requests) * Self.roundTrip
        }
    }

    package mutating func add(offsets: Int64) {
        self.offsets += max(0, offsets)
    }

    package mutating func add(_ sample: HoleSample) {
        self.sample.add(sample)
    }

    package mutating func addUnknown() { unknown += 1 }

    /// The markers for all holes, if they are everywhere as in the sample.
    package var expected: Work {
        guard sample.offsets > 0 else { return Work() }
        let factor = Double(offsets) / Double(sample.offsets)
        var work = Work()
        work.offsets = Int64(Double(sample.holes) * factor)
        work.requests = max(Int64(Double(sample.places) * factor), work.offsets / OffsetAlignment.mostMarkers)
        work.bytes = work.offsets * Self.markerBytes
        work.seconds = Double(work.offsets) / Self.markerRate + Double(work.requests) * Self.roundTrip
        return work
    }

    /// Notes on the costs; none where there are none to tell.
    package func notes(_ settings: FlowSettings) -> [SyncNote] {
        let target = settings.target.name
        var messages: [String] = []
        for (work, what) in [(filler, "empty records"), (markers, "markers")] where work.offsets > 0 {
            messages.append(
                "with offsets: preserve the copies of \(beginningPartitions.counted("partition")) begin behind offset 0: before their first records "
                    + "\(work.offsets.counted("offset")) on \(target) become \(what), \(Self.text(work))"
                    + (what == "markers"
                        ? " (their topics are only compacted: nothing can be deleted there; holes: filler is quicker)"
                        : settings.holes == .filler ? "" : ", and are deleted then"))
        }
        if sample.filled > 0 {
            let share = Self.share(sample.filled, of: sample.offsets)
            messages.append(
                "with offsets: preserve \(share) of \(sample.offsets.counted("offset")) that were looked at are long holes, and become empty records under the key \(Filler.key), which consumers on \(target) see "
                    + "until the cleaner has taken them")
        }
        if sample.holes > 0 {
            let share = Self.share(sample.holes, of: sample.offsets)
            messages.append(
                "with offsets: preserve \(share) of \(sample.offsets.counted("offset")) that were looked at hold nothing to "
                    + "copy (markers and aborted records of transactions, compacted records): if that is so everywhere, the "
                    + "\(offsets.counted("offset")) to copy now need \(expected.offsets.counted("marker")) on \(target), "
                    + "\(Self.text(expected)). A partition waits for each of these requests")
        } else if sample.offsets > 0, sample.filled == 0 {
            messages.append(
                "with offsets: preserve none of \(sample.offsets.counted("offset")) that were looked at is a hole: nothing is "
                    + "to be filled there")
        }
        if unknown > 0 {
            messages.append("the costs of offsets: preserve could not be found out for \(unknown.counted("partition"))")
        }
        return messages.map { SyncNote(kind: .preservedCosts, subject: "offsets: preserve", message: $0) }
    }

    private static func share(_ part: Int64, of whole: Int64) -> String {
        let percent = 100 * Double(part) / Double(max(1, whole))
        return percent >= 1 ? "\(Int(percent.rounded())) %" : "less than 1 %"
    }

    private static func text(_ work: Work) -> String {
        let seconds = Int(work.seconds.rounded(.up))
        let time =
            switch seconds {
            case ...2: "a second or two"
            case ..<120: "\(seconds) s"
            case ..<7_200: "\(seconds / 60) min"
            default: "\(seconds / 3_600) h"
            }
        let size = work.bytes < 1_000_000 ? "less than 1 MB" : "\(work.bytes / 1_000_000) MB"
        return "in about \(work.requests.counted("request")), \(size), about \(time) with brokers nearby"
    }
}

/// Holes in a part of a source's log, for readers of committed records.
package struct HoleSample: Hashable, Sendable {
    package private(set) var offsets: Int64 = 0
    package private(set) var holes: Int64 = 0
    /// Offsets of holes that become filler.
    package private(set) var filled: Int64 = 0
    /// Pieces that the holes are in, each of which takes a request.
    package private(set) var places: Int64 = 0

    package init() {}

    package mutating func add(_ other: HoleSample) {
        offsets += other.offsets
        holes += other.holes
        filled += other.filled
        places += other.places
    }

    /// - Parameters:
    ///   - fetched: an answer to a read from there on of committed records.
    ///   - range: offsets that are meant, from the one that was asked for on.
    ///   - shortest: length of holes from which on filler has their place; nil where markers do.
    package init(_ fetched: FetchedPartition, in range: Range<Int64>, shortest: Int64? = nil) {
        guard let records = fetched.records?.contiguous else { return }
        var reader = LogEntryReader(records)
        var aborted = AbortedTransactions(fetched.abortedTransactions)
        var next = range.lowerBound
        var isInHole = false
        // What cannot be read is not looked at.
        while next < range.upperBound, let entry = try? reader.next() {
            guard case .batch(let batch) = entry else { continue }
            let header = batch.header
            let isAborted = aborted.contains(header)
            if header.isControl { try? aborted.end(with: batch) }
            guard header.nextOffset > next else { continue }
            guard header.baseOffset >= range.lowerBound else {
                next = header.nextOffset
                continue
            }
            let copied = header.isControl || isAborted ? 0 : Int64(header.recordCount)
            let missing = max(0, header.nextOffset - next - copied)
            let gap = header.baseOffset - next
            offsets += header.nextOffset - next
            next = header.nextOffset
            if let shortest, gap >= shortest {
                filled += gap
                continue
            }
            holes += missing
            if missing > 0 { places += copied == 0 ? (isInHole ? 0 : 1) : min(missing, copied) }
            isInHole = copied == 0
        }
    }
}

extension ClusterClient {
    /// Partitions that are looked at for holes, and places in each.
    private static var sampledPartitions: Int { 64 }
    private static var samplesOfEach: Int64 { 3 }

    /// Costs of copying these topics with their offsets from now on.
    ///
    /// - Parameters:
    ///   - recorded: what the flow has recorded of itself.
    ///   - cleanup: by source topic.
    func preservedCosts(
        of selected: [SelectedTopic], _ settings: FlowSettings, recorded: RecordedFlow,
        cleanup: (String) -> CleanupPolicy
    ) async -> PreservedCosts {
        let partitions = selected.flatMap { topic in
            topic.source.partitions.keys.map { TopicPartition(topic.source.name, $0) }
        }
        let earliest = await found(.earliest, partitions)
        let ends = await found(.latest, partitions)
        let positions = recorded.identity == nil ? await firstPositions(settings, partitions) : earliest
        var costs = PreservedCosts()
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in partitions {
            let checkpoint = recorded.checkpoints[partition]
            guard let end = ends[partition],
                let position = checkpoint?.sourceOffset ?? positions[partition] ?? ends[partition]
            else {
                costs.addUnknown()
                continue
            }
            if checkpoint == nil {
                costs.add(beginning: position, cleanup: cleanup(partition.topic), holes: settings.holes)
            }
            costs.add(offsets: end - position)
            if end > position { ranges[partition] = position..<end }
        }
        // The longest logs cost most.
        let longest = ranges.sorted { $0.value.count > $1.value.count }.prefix(Self.sampledPartitions)
        for number in 0..<Self.samplesOfEach {
            let parts = Dictionary(
                longest.map { partition, range in
                    let length = Int64(range.count) / Self.samplesOfEach
                    let start = range.lowerBound + length * number
                    return (partition, start..<(number == Self.samplesOfEach - 1 ? range.upperBound : start + length))
                }
            ) { first, _ in first }
            let places = parts.map {
                FetchPosition(topic: $0.topic, partition: $0.partition, fetchOffset: $1.lowerBound)
            }
            for (partition, outcome) in await read(places, isolation: .readCommitted) {
                guard let fetched = try? outcome.get(), let part = parts[partition] else { continue }
                let fills = settings.holes == .filler && cleanup(partition.topic) != .delete
                costs.add(
                    HoleSample(
                        fetched, in: part,
                        shortest: fills ? OffsetAlignment.Rules().shortestFilled : nil))
            }
        }
        return costs
    }

    private func firstPositions(
        _ settings: FlowSettings, _ partitions: [TopicPartition]
    ) async -> [TopicPartition: Int64] {
        switch settings.startFrom {
        case .earliest: await found(.earliest, partitions)
        case .latest: await found(.latest, partitions)
        case .timestamp(let time): await found(.timestamp(time), partitions)
        }
    }

    private func found(_ query: OffsetQuery, _ partitions: [TopicPartition]) async -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        return await offsets(
            Dictionary(partitions.map { ($0, query) }) { first, _ in first }, patience: .seconds(5)
        ).compactMapValues { try? $0.get().offset }
    }
}
