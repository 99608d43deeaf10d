/// Position on the target of a consumer group that has read a source partition up to some offset.
package struct GroupPosition: Hashable, Sendable {
    /// The next offset to read at the target.
    package var target: Int64
    /// The record that the group reads next, as it lies on either side; nil while there is none on both.
    package var next: OffsetSegment.Pair?
    /// Source offsets before the group's that have not passed yet; what they hold will be read again at the target.
    package var aheadBy: Int64 = 0
    /// The opposite flow has not come so far yet: what it has not seen may be unread, and the position lies in front of it,
    /// and of copies that the group has read.
    package var isCautious = false

    package init(target: Int64, next: OffsetSegment.Pair? = nil, aheadBy: Int64 = 0) {
        self.target = target
        self.next = next
        self.aheadBy = aheadBy
    }
}

/// Reason why a group's offset has no counterpart.
package enum TranslationRefusal: Error, Hashable, CustomStringConvertible {
    case notReplicated
    case beforeStart(Int64)
    case lost(Range<Int64>)
    case nothingCopied
    /// A topic with the name of one that was copied, or was copied to, is another one by now.
    case otherTopic(String)
    /// It may have been committed for an earlier topic of the name.
    case formerTopic
    /// No consumer can have come so far in a log that ends there.
    case behindEnd(Int64)

    package var description: String {
        switch self {
        case .notReplicated: "the topic is not copied to the target"
        case .beforeStart(let start):
            "outside the known range: copies are known from source offset \(start) on"
        case .lost(let range):
            "outside the known range: where source offsets \(range.lowerBound) to \(range.upperBound - 1) have their "
                + "copies was lost with a crash or a truncated target"
        case .nothingCopied: "nothing of the partition has been copied yet"
        case .otherTopic(let topic):
            "\(topic) was deleted and created again since the copies were made: positions in it and in the topic that "
                + "had the name before have nothing to do with each other"
        case .formerTopic:
            "it may have been committed for the topic of the same name that was deleted: it counts once the group "
                + "has committed another position"
        case .behindEnd(let end):
            "the source's log ends at offset \(end): the position is one of an earlier log, which was longer"
        }
    }
}

/// The offset maps of one partition between two clusters: of the flow that copies it, and of the opposite flow.
///
/// A target partition holds copies that the flow made, and records of its own that the opposite flow copies back. A
/// group that moves must begin at the first record of either kind that it has not read:
///
/// ```
///   source   a0 a1 b0' a2 │ a3 b1' …       the group has read what is left of the line
///   target   a0' b0 a1' a2' │ a3' b1 …
/// ```
///
/// That is the earliest of: the first copy whose original lies at or behind the group's offset; the first original
/// whose copy does; and the first target offset that the opposite flow has not reached and that holds no copy.
package struct PartitionOffsets: Hashable, Sendable {
    /// From the source's records to their copies on the target.
    package var forward: OffsetMap?
    /// From the target's records to their copies at the source: the opposite flow's map.
    package var backward: OffsetMap?
    /// Maps of further opposite flows of the same topic: of those that have gone before, or run beside it.
    package var otherBackward: [OffsetMap] = []
    /// True if `forward` knows every copy that the opposite flow has passed when `backward` was taken. It does once
    /// it has passed an end of the source's log that was looked up after that.
    package var knowsAllCopies: Bool
    /// Ranges of the target, in order, in which nobody can read anything: they hold markers.
    package var emptyAtTarget: [Range<Int64>] = []

    package init(forward: OffsetMap?, backward: OffsetMap?, knowsAllCopies: Bool) {
        self.forward = forward
        self.backward = backward
        self.knowsAllCopies = knowsAllCopies
    }

    /// Target offset behind everything that either flow is known to have copied or to have passed; nil while that is
    /// nothing.
    package var copiesEnd: Int64? {
        guard let forward, forward.targetEnd >= 0 else { return nil }
        return max(forward.targetEnd, backward?.passed ?? 0)
    }

    /// - Parameters:
    ///   - offset: the next source offset that the group would read.
    ///   - targetEnd: an end that the target's log had before the maps were looked at; used while they hold nothing.
    package func position(
        of offset: Int64, targetEnd: Int64?
    ) throws(TranslationRefusal) -> GroupPosition {
        let copied = try forward.map { map throws(TranslationRefusal) in try copy(in: map, of: offset, targetEnd) }
        guard let backward else {
            guard let copied else { throw .notReplicated }
            guard copied.target >= 0 else { throw .nothingCopied }
            return copied
        }
        let opposite = [backward] + otherBackward
        for map in opposite { try checkLost(map, offset) }
        let original = opposite.compactMap { $0.first(fromTarget: offset) }.min { $0.source < $1.source }
        // Where one of them has been, the others need not come.
        let unseen = crossingMarkers(opposite.map { self.unseen($0) }.max() ?? 0)
        var position = GroupPosition(target: unseen, aheadBy: copied?.aheadBy ?? 0)
        position.isCautious = copied.map { $0.target > unseen } ?? false
        if let pair = copied?.next, pair.target <= position.target {
            position.target = pair.target
            position.next = pair
        }
        if let original, original.source <= position.target {
            position.target = original.source
            position.isCautious = false
            position.next = OffsetSegment.Pair(source: original.target, target: original.source)
        }
        return position
    }

    private func crossingMarkers(_ unseen: Int64) -> Int64 {
        guard let forward else { return unseen }
        return emptyAtTarget.reduce(unseen) { unseen, range in
            range.contains(unseen) ? forward.firstForeign(fromTarget: range.upperBound) : unseen
        }
    }

    /// Target offsets without a copy of ours, from one on, in front of a copy that is known; nil where there are none.
    package func gap(atTarget offset: Int64) -> Range<Int64>? {
        guard let next = forward?.first(fromTarget: offset)?.target ?? forward?.targetEnd, offset < next else {
            return nil
        }
        return offset..<next
    }

    /// The first target offset that may hold a record of which neither map knows.
    private func unseen(_ backward: OffsetMap) -> Int64 {
        guard let forward else { return backward.passed }
        if knowsAllCopies || backward.passed <= forward.targetEnd {
            return forward.firstForeign(fromTarget: backward.passed)
        }
        // A record that the opposite flow has skipped there may be a copy that is too young for the forward map.
        let from = forward.isEmpty ? backward.start : forward.targetEnd
        return min(backward.firstHole(fromSource: from), backward.passed)
    }

    private func copy(
        in map: OffsetMap, of offset: Int64, _ targetEnd: Int64?
    ) throws(TranslationRefusal) -> GroupPosition {
        switch map.translate(offset) {
        case .record(let pair): GroupPosition(target: pair.target, next: pair)
        case .end(let target): GroupPosition(target: target >= 0 ? target : targetEnd ?? -1)
        case .ahead(let distance, let target):
            GroupPosition(target: target >= 0 ? target : targetEnd ?? -1, aheadBy: distance)
        case .beforeStart(let start): throw .beforeStart(start)
        case .lost(let range): throw .lost(range)
        }
    }

    /// Originals in a lost range may be unread, unless a later one is known to have been read.
    private func checkLost(_ backward: OffsetMap, _ offset: Int64) throws(TranslationRefusal) {
        for range in backward.lost {
            let later = backward.first(fromSource: range.upperBound)
            guard let later, later.target < offset else { throw .lost(range) }
        }
    }
}
