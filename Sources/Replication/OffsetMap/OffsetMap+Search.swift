internal import KafkaClient

/// Meaning of a source offset on the target.
package enum OffsetTranslation: Hashable, Sendable {
    /// The first record at or after it, and where its copy is.
    case record(OffsetSegment.Pair)
    /// Everything before it has passed and nothing at or after it has been copied: the offset behind the last copy,
    /// -1 when there is none at all.
    case end(target: Int64)
    /// That many source offsets before it have not passed yet. Completed copies end at `target`.
    case ahead(by: Int64, target: Int64)
    /// Nothing is known of it: replication began at `start`, or the copies before it are gone from the target.
    case beforeStart(Int64)
    /// It lies in a range of which nothing is known.
    case lost(Range<Int64>)
}

extension OffsetMap {
    /// Position on the target of a consumer that would read `offset` next at the source.
    package func translate(_ offset: Int64) -> OffsetTranslation {
        if offset > passed { return .ahead(by: offset - passed, target: targetEnd) }
        if offset < start { return .beforeStart(start) }
        let pair = first(fromSource: offset)
        // A lost range before the next known record may hold one that comes earlier.
        let until = pair?.source ?? passed
        if let range = lost.first(where: { $0.upperBound > offset && $0.lowerBound < until }) { return .lost(range) }
        return pair.map { .record($0) } ?? .end(target: targetEnd)
    }

    /// The first record at or after a source offset that has a known copy.
    package func first(fromSource offset: Int64) -> OffsetSegment.Pair? {
        find {
            $0.sourceEnd > offset
        } block: {
            $0.sourceEnd > offset
        }?.first(fromSource: offset)
    }

    /// The first record whose known copy is at or after a target offset.
    package func first(fromTarget offset: Int64) -> OffsetSegment.Pair? {
        find {
            $0.targetEnd > offset
        } block: {
            $0.targetEnd > offset
        }?.first(fromTarget: offset)
    }

    /// Position to go back to when the target has lost everything from an offset on.
    ///
    /// - Returns: the first source offset whose copy is gone, or may be; and how many source offsets behind it lie in
    ///   lost ranges, so that their copies may be there still.
    package func firstGone(fromTarget offset: Int64) -> (source: Int64, uncertain: Int64) {
        let pair = first(fromTarget: offset)
        if let pair, pair.target == offset { return (pair.source, 0) }
        let known = pair?.source ?? passed
        // Those whose copies lie somewhere between the last that is kept for certain and the first that is gone for
        // certain.
        let between = lost.filter {
            $0.lowerBound < known && (first(fromSource: $0.upperBound)?.source ?? passed) >= known
        }
        return (between.first?.lowerBound ?? known, between.lazy.map { Int64($0.count) }.saturatingSum())
    }

    /// The first target offset at or after `offset` that holds none of the known copies.
    package func firstForeign(fromTarget offset: Int64) -> Int64 {
        var offset = offset
        var isDone = false
        func pass(over segments: some Sequence<OffsetSegment>) {
            for segment in segments where !isDone && segment.targetEnd > offset {
                guard segment.target <= offset else {
                    isDone = true
                    return
                }
                offset = segment.targetEnd
            }
        }
        let from = blocks.partitioningIndex { $0.block.targetEnd > offset }
        for block in blocks[from...] where !isDone { pass(over: block.block.segments) }
        pass(over: tail)
        if let open { pass(over: [open]) }
        return offset
    }

    /// The first source offset at or after `offset` whose record has no known copy.
    package func firstHole(fromSource offset: Int64) -> Int64 {
        var offset = offset
        while let segment = find({ $0.sourceEnd > offset }, block: { $0.sourceEnd > offset }),
            segment.first(fromSource: offset).source == offset
        {
            offset += segment.length - (offset - segment.source) % segment.stride
        }
        return offset
    }

    /// The first segment for which `isWanted` holds: it does for all segments from some one on.
    private func find(
        _ isWanted: (OffsetSegment) -> Bool, block isWantedBlock: (OffsetBlock) -> Bool
    ) -> OffsetSegment? {
        let index = blocks.partitioningIndex { isWantedBlock($0.block) }
        if index < blocks.endIndex {
            let segments = blocks[index].block.segments
            let place = segments.partitioningIndex(where: isWanted)
            return place < segments.endIndex ? segments[place] : nil
        }
        let place = tail.partitioningIndex(where: isWanted)
        if place < tail.endIndex { return tail[place] }
        return open.flatMap { isWanted($0) ? $0 : nil }
    }
}
