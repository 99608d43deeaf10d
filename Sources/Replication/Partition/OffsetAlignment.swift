internal import KafkaClient
internal import KafkaWire

/// Keeps a target's log in step with the offsets of its source: decides what has to be written before the next batch, so
/// that it is appended at the offset that it has at the source. Pure: no I/O, no clock.
///
/// ```
///   source   │ expired │ 7 8 │ 9 control, 10 aborted │ 11 12 13
///   target   │ filler  │ 7 8 │ marker      marker    │ 11 12 13
///            └ deleted before the first record
/// ```
///
/// Brokers give out offsets from the end of a log that nobody else writes to. A batch is therefore sent only when
/// everything before it is written or on its way, and its answer is compared with the offset that it should have. Markers
/// have no sequence by which a broker could tell that they come twice, or in front of something that it had refused: they
/// are sent alone, and when their answer is lost the end of the log says how many of them there are.
package struct OffsetAlignment: Sendable {
    /// Work at the target that is no batch.
    package enum Work: Hashable, Sendable {
        /// Lone markers at these offsets.
        case markers(Range<Int64>)
        /// Everything before this offset is to be deleted: it only brought the log there.
        case deletion(before: Int64)
    }

    /// Choices of a flow, and sizes.
    package struct Rules: Hashable, Sendable {
        package var holes = HoleChoice.markers
        /// Records in one batch of filler.
        package var fillerSize = Filler.largest
        /// Holes of fewer offsets become markers in any case.
        package var shortestFilled: Int64 = 5_001

        package init() {}
    }

    let rules: Rules
    /// Source offset at which the copy begins; of one that was adopted, from which on it is known.
    package private(set) var start: Int64
    /// Others have made the copy up to where this flow began. What its log holds is theirs: it is never brought to its
    /// beginning, and nothing of it is deleted.
    let isAdopted: Bool
    /// The log's end has yet to come to ``start``, or what brought it there has yet to be deleted.
    package internal(set) var isBeginning = false
    /// Cleanup of the target's topic.
    var cleanup = CleanupPolicy.delete { didSet { builtFiller = nil } }
    /// Contents of the log when it was last recovered, as far as it was not compared with the source yet.
    var present: PresentTail?
    /// Work that has begun and has no answer yet.
    package internal(set) var underWay: Work?
    /// End of the log once everything is acknowledged that was sent.
    var sentEnd: Int64 = -1
    /// The last whole batch of filler that was built: those of one stretch are the same.
    var builtFiller: RecordBatch?
    /// End of the filler that is enqueued.
    var fillerEnd: Int64 = -1
    /// Source offsets that were set aside behind what is completed; they are completed with what follows.
    var openSkips: [SkipReason: Int64] = [:]

    package init(start: Int64, isAdopted: Bool = false, rules: Rules = Rules()) {
        self.start = start
        self.isAdopted = isAdopted
        self.rules = rules
    }

    /// Markers of a partition in one request, at most.
    package static let mostMarkers: Int64 = 5_000
    /// A hole of more offsets is not filled with markers: that would take hours, and gigabytes on the target.
    package static let largestHole: Int64 = 50_000_000
    /// The same for filler.
    package static let largestFilledHole: Int64 = 2_000_000_000

    /// Long holes become filler.
    var fillsHoles: Bool { rules.holes == .filler && cleanup != .delete }

    /// Filler is deleted when the log has come to the first record: without that only the cleaner takes it.
    private var deletesFiller: Bool { cleanup != .compact }

    /// Filler brings the log to the first record, and no markers.
    private var beginsWithFiller: Bool { deletesFiller || fillsHoles }

    /// Offsets in one piece that can be filled.
    ///
    /// - Parameter isFillable: filler can have their place.
    func largest(isFillable: Bool = true) -> Int64 {
        fillsHoles && isFillable ? Self.largestFilledHole : Self.largestHole
    }

    /// Decides whether a log that ends there, and was never written to behind its beginning, is still to be brought to it.
    func isBeginning(at end: Int64) -> Bool {
        guard !isAdopted else { return false }
        return deletesFiller ? end <= start : end < start
    }

    /// The beginning is over once the log has come to this offset: nothing has to be deleted.
    mutating func reached(_ end: Int64) {
        if isBeginning, !deletesFiller, end >= start { isBeginning = false }
    }

    /// The source begins later by now, and nothing has been copied.
    mutating func begin(at start: Int64, end: Int64) {
        self.start = start
        isBeginning = isBeginning(at: end)
    }

    /// Work that comes before anything else is sent; nil when there is none.
    ///
    /// - Parameters:
    ///   - end: of the target's log, with everything acknowledged.
    ///   - next: source offset of the next batch; without one, the position that the source was read up to.
    package func work(end: Int64, next: Int64) -> Work? {
        if isBeginning, beginsWithFiller {
            return deletesFiller && end == start ? .deletion(before: start) : nil
        }
        let next = isBeginning ? start : next
        return next > end ? .markers(end..<min(next, end + Self.mostMarkers)) : nil
    }

    /// The next filler to enqueue: offsets in front of the first record.
    ///
    /// - Parameter end: of the target's log, with everything acknowledged.
    mutating func nextFiller(end: Int64) -> Range<Int64>? {
        guard isBeginning, beginsWithFiller else { return nil }
        fillerEnd = max(fillerEnd, end)
        guard fillerEnd < start else { return nil }
        defer { fillerEnd = min(start, fillerEnd + rules.fillerSize) }
        return fillerEnd..<min(start, fillerEnd + rules.fillerSize)
    }

    /// Pieces of filler for a hole; none where markers have its place.
    ///
    /// - Parameters:
    ///   - end: of the target's log, with everything that waits.
    ///   - next: source offset of the next batch.
    func filler(from end: Int64, to next: Int64) -> [Range<Int64>] {
        guard fillsHoles, end >= 0, next - end >= rules.shortestFilled else { return [] }
        return stride(from: end, to: next, by: Int64.Stride(rules.fillerSize)).map {
            $0..<min(next, $0 + rules.fillerSize)
        }
    }
}
