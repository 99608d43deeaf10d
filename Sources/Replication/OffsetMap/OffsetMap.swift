internal import NIOCore

/// Place of each record's copy on the target: exactly, in both directions.
///
/// Within a batch the mapping is linear, so a stretch is kept as one segment until a hole at the source or another
/// writer's record on the target ends it. Full blocks of segments are kept in their stored form.
///
/// ```
///   known from `start`                                     `passed`
///   ├── block 0 ──┼── block 1 ──┼─ segments ─┤ open ├ skipped ┤
/// ```
///
/// Everything between `start` and `passed` that no segment holds has no record on the target, except for the ranges
/// in `lost`, of which nothing is known.
package struct OffsetMap: Hashable, Sendable {
    /// Source offsets below this one are unknown: replication began here, or their copies are gone.
    package private(set) var start: Int64
    /// Every source offset below it has its copy, or was skipped.
    package private(set) var passed: Int64
    /// Source offsets that may have copies, but where is not known; few, ordered.
    package private(set) var lost: [Range<Int64>] = []
    /// Full blocks, oldest first, in stored form.
    private(set) var blocks: [NumberedBlock] = []
    /// Segments that do not fill a block yet. Nothing can change in them but the end of the last.
    private(set) var tail: [OffsetSegment] = []
    /// The newest stretch, which may grow.
    private(set) var open: OffsetSegment?
    private var tailNumber = 0

    /// A block under its number, which is part of its key in the progress topic.
    package struct NumberedBlock: Hashable, Sendable {
        package let number: Int
        package let block: OffsetBlock
    }

    /// With more of them than this, everything before the oldest counts as unknown.
    private static let mostLost = 16

    /// A map that knows nothing yet.
    ///
    /// - Parameter start: the source offset at which replication begins.
    package init(start: Int64) {
        self.start = start
        passed = start
    }

    /// The copies of `sources` begin at target offset `target` and are next to each other.
    ///
    /// A source offset that is known already gets its new copy: it was copied again. The same for a target offset: the
    /// target has lost what was there.
    package mutating func append(_ sources: SourceRuns, at target: Int64) {
        append(sources.first, at: target)
        var target = target + Int64(sources.first.count)
        for range in sources.rest {
            append(range, at: target)
            target += Int64(range.count)
        }
    }

    private mutating func append(_ range: Range<Int64>, at target: Int64) {
        guard !range.isEmpty else { return }
        if range.lowerBound < sourceEnd { truncate(fromSource: range.lowerBound) }
        if target < targetEnd { loseCopies(fromTarget: target) }
        if open?.sourceEnd == range.lowerBound, open?.targetEnd == target {
            open?.length += Int64(range.count)
            open?.stride += Int64(range.count)
        } else {
            seal()
            open = OffsetSegment(source: range.lowerBound, target: target, length: Int64(range.count))
        }
        passed = max(passed, range.upperBound)
    }

    /// Every source offset below `offset` has its copy or was skipped. Lower than before, everything from there on
    /// is forgotten: it will be copied again.
    package mutating func pass(_ offset: Int64) {
        if offset < passed { truncate(fromSource: offset) }
        passed = offset
    }

    /// Everything from ``passed`` to `offset` may have its copy, but where is not known.
    package mutating func lose(upTo offset: Int64) {
        guard offset > passed else { return }
        if let last = lost.last, last.upperBound == passed {
            lost[lost.count - 1] = last.lowerBound..<offset
        } else {
            lost.append(passed..<offset)
        }
        if lost.count > Self.mostLost { start = max(start, lost.removeFirst().upperBound) }
        passed = offset
    }

    /// Copies below a target offset are gone. Whole blocks are forgotten, so a little more may stay known.
    package mutating func trim(belowTarget logStart: Int64) {
        guard let first = blocks.first, first.block.targetEnd <= logStart else { return }
        let gone = blocks.prefix { $0.block.targetEnd <= logStart }
        guard let last = gone.last else { return }
        start = max(start, last.block.sourceEnd)
        blocks.removeFirst(gone.count)
        lost.removeAll { $0.upperBound <= start }
    }

    /// Source offset behind the last record that has a copy; ``start`` before the first.
    var sourceEnd: Int64 { open?.sourceEnd ?? tail.last?.sourceEnd ?? blocks.last?.block.sourceEnd ?? start }

    /// Target offset behind the last copy; -1 before the first.
    package var targetEnd: Int64 { open?.targetEnd ?? tail.last?.targetEnd ?? blocks.last?.block.targetEnd ?? -1 }

    /// The last copies that lie side by side, at most those of one batch or so; nil before the first.
    package var newestStretch: OffsetSegment? {
        guard let last = open ?? tail.last ?? blocks.last?.block.segments.last else { return nil }
        return OffsetSegment(
            source: last.sourceEnd - last.length, target: last.targetEnd - last.length, length: last.length)
    }

    package var isEmpty: Bool { open == nil && tail.isEmpty && blocks.isEmpty }

    /// Bytes of memory that it takes, roughly.
    package var estimatedBytes: Int {
        blocks.reduce(0) { $0 + $1.block.bytes.readableBytes + MemoryLayout<NumberedBlock>.stride }
            + tail.count * MemoryLayout<OffsetSegment>.stride + MemoryLayout<OffsetMap>.stride
    }
}

// Growing and cutting.
extension OffsetMap {
    /// The newest stretch is complete: it joins the segments, as a further piece of a pattern if it fits.
    private mutating func seal() {
        guard let closed = open else { return }
        open = nil
        if let last = tail.indices.last, tail[last].fold(closed) { return }
        if tail.count >= OffsetBlock.capacity { closeBlock() }
        tail.append(closed)
    }

    private mutating func closeBlock() {
        blocks.append(NumberedBlock(number: tailNumber, block: OffsetBlock(tail)))
        tail.removeAll(keepingCapacity: true)
        tailNumber += 1
    }

    /// Forgets every record from a source offset on.
    private mutating func truncate(fromSource offset: Int64) {
        truncate(isBehind: { $0.source >= offset }, isKept: { $0.sourceEnd <= offset }) {
            $0.prefix(belowSource: offset)
        }
        lost = lost.compactMap { $0.lowerBound >= offset ? nil : $0.clamped(to: $0.lowerBound..<offset) }
        passed = min(passed, offset)
        if start > offset {
            // Beyond what is known there is nothing to continue from.
            start = offset
        }
    }

    /// The target's log went backwards: the copies from a target offset on are gone, and until they are made again
    /// nothing is known of their records.
    private mutating func loseCopies(fromTarget offset: Int64) {
        guard let pair = first(fromTarget: offset) else { return }
        truncate(isBehind: { $0.target >= offset }, isKept: { $0.targetEnd <= offset }) {
            $0.prefix(belowTarget: offset)
        }
        lost.removeAll { $0.lowerBound >= pair.source }
        lost.append(pair.source..<passed)
    }

    private mutating func truncate(
        isBehind: (OffsetSegment) -> Bool, isKept: (OffsetSegment) -> Bool,
        prefix: (OffsetSegment) -> [OffsetSegment]
    ) {
        if let last = open {
            guard !isKept(last) else { return }
            open = nil
            if !isBehind(last) { tail += prefix(last) }
        }
        while true {
            while let last = tail.last {
                if isKept(last) { return reopen() }
                tail.removeLast()
                guard isBehind(last) else {
                    tail += prefix(last)
                    return reopen()
                }
            }
            guard let block = blocks.popLast() else { return reopen() }
            tail = block.block.segments
            tailNumber = block.number
        }
    }

    /// After a truncation the last piece may grow again.
    private mutating func reopen() {
        guard open == nil, let last = tail.popLast() else { return }
        guard last.count > 1 else {
            open = last
            return
        }
        let whole = last.prefix(belowTarget: last.targetEnd - last.length)
        tail += whole
        open = OffsetSegment(
            source: last.sourceEnd - last.length, target: last.targetEnd - last.length, length: last.length)
    }
}

// Storing.
extension OffsetMap {
    /// Every block with its number, the last of them perhaps still growing. The newest stretch is in ``edge``.
    package var stored: [NumberedBlock] {
        guard !tail.isEmpty else { return blocks }
        return blocks + [NumberedBlock(number: tailNumber, block: OffsetBlock(tail))]
    }

    /// The part that is not in a block; part of the partition's checkpoint.
    package struct Edge: Hashable, Sendable, Codable {
        /// See ``OffsetMap/start``.
        package var start: Int64
        /// Source offset, target offset and length of the newest stretch; nil while there is none.
        package var open: [Int64]?
        /// First source offset of each lost range and the one behind its last; nil without any.
        package var lost: [[Int64]]?
    }

    package var edge: Edge {
        Edge(
            start: start, open: open.map { [$0.source, $0.target, $0.length] },
            lost: lost.isEmpty ? nil : lost.map { [$0.lowerBound, $0.upperBound] })
    }

    /// The map that was stored. Blocks may be newer than the edge, since they are written first: what they know
    /// beyond it is ignored. If the two do not fit, nothing before `passed` is known.
    ///
    /// - Parameters:
    ///   - edge: nil for a checkpoint of a version without maps: then nothing before `passed` is known.
    ///   - passed: of the same checkpoint as the edge.
    package init(blocks stored: [Int: OffsetBlock], edge: Edge?, passed: Int64) {
        self.init(start: passed)
        guard let edge, let restored = OffsetMap(restoring: stored, edge, passed: passed) else { return }
        self = restored
    }

    private init?(restoring stored: [Int: OffsetBlock], _ edge: Edge, passed: Int64) {
        self.init(start: edge.start)
        let limit = edge.open?.first ?? passed
        for (number, block) in stored.sorted(by: { $0.key < $1.key }) where block.source < limit {
            guard block.source >= sourceEnd, block.target >= targetEnd else { return nil }
            blocks.append(NumberedBlock(number: number, block: block))
            tailNumber = number + 1
        }
        // The last one may have been growing, and may know more than the checkpoint.
        if let last = blocks.popLast() {
            tail = last.block.segments.flatMap { $0.source < limit ? $0.prefix(belowSource: limit) : [] }
            tailNumber = last.number
        }
        if let open = edge.open {
            guard open.count == 3, open[0] >= sourceEnd, open[1] >= max(0, targetEnd), open[2] > 0 else { return nil }
            self.open = OffsetSegment(source: open[0], target: open[1], length: open[2])
        }
        for range in edge.lost ?? [] {
            guard range.count == 2, range[0] < range[1] else { return nil }
            lost.append(range[0]..<range[1])
        }
        guard passed >= sourceEnd else { return nil }
        self.passed = passed
    }
}
