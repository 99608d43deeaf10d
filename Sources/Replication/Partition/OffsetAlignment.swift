internal import KafkaClient

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
/// have no sequence by which a broker could tell that they come twice: they are sent alone, and when their answer is lost
/// the end of the log says how many of them there are.
package struct OffsetAlignment: Hashable, Sendable {
    /// Work at the target that is no batch.
    package enum Work: Hashable, Sendable {
        /// Lone markers at these offsets.
        case markers(Range<Int64>)
        /// Everything before this offset is to be deleted: it only brought the log there.
        case deletion(before: Int64)
    }

    /// Source offset at which the copy begins.
    let start: Int64
    /// The log's end has yet to come to ``start``, or what brought it there has yet to be deleted.
    package internal(set) var isBeginning = false
    /// The target's topic is compacted without deleting: records without a key cannot be written there, and nothing can be
    /// deleted.
    var onlyCompacts = false
    /// Everything below this offset was on the target when it was last recovered.
    var presentEnd: Int64 = -1
    /// Contents found on the target that nothing accounts for yet, by offset.
    var found: [Int64: ContentFingerprint] = [:]
    /// The target gives records its own time.
    var ignoresTimestamps = false
    /// Work that has begun and has no answer yet.
    package internal(set) var underWay: Work?
    /// End of the log once everything is acknowledged that was sent.
    var sentEnd: Int64 = -1
    /// End of the filler that is enqueued.
    var fillerEnd: Int64 = -1
    /// Records in one batch of filler.
    let fillerSize: Int64
    /// Source offsets that were set aside behind what is completed; they are completed with what follows.
    var openSkips: [SkipReason: Int64] = [:]

    package init(start: Int64, fillerSize: Int64 = Filler.largest) {
        self.start = start
        self.fillerSize = fillerSize
    }

    /// Markers of a partition in one request, at most.
    package static let mostMarkers: Int64 = 5_000
    /// A hole of more offsets is not filled with markers: that would take hours, and gigabytes on the target.
    package static let largestHole: Int64 = 50_000_000

    /// Work that comes before anything else is sent; nil when there is none.
    ///
    /// - Parameters:
    ///   - end: of the target's log, with everything acknowledged.
    ///   - next: source offset of the next batch; without one, the position that the source was read up to.
    package func work(end: Int64, next: Int64) -> Work? {
        if isBeginning, !onlyCompacts { return end == start ? .deletion(before: start) : nil }
        let next = isBeginning ? start : next
        return next > end ? .markers(end..<min(next, end + Self.mostMarkers)) : nil
    }

    /// The next filler to enqueue: offsets in front of the first record.
    ///
    /// - Parameter end: of the target's log, with everything acknowledged.
    mutating func nextFiller(end: Int64) -> Range<Int64>? {
        guard isBeginning, !onlyCompacts else { return nil }
        fillerEnd = max(fillerEnd, end)
        guard fillerEnd < start else { return nil }
        defer { fillerEnd = min(start, fillerEnd + fillerSize) }
        return fillerEnd..<min(start, fillerEnd + fillerSize)
    }
}
