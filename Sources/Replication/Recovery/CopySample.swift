internal import KafkaWire
package import NIOCore

/// The last copies in front of a partition's position, for a comparison with what the source holds in their places.
///
/// A source whose disk was restored from an older copy, and that has grown since, ends behind the position in the same
/// leader epoch as before: only what its records hold tells that they are others.
package struct CopySample: Hashable, Sendable {
    /// Source offsets whose copies lie side by side.
    package private(set) var sources: Range<Int64>
    /// Offset of the first copy on the target.
    private let target: Int64
    /// Fingerprints of the copies that are still there, by source offset.
    private var fingerprints: [Int64: ContentFingerprint] = [:]
    /// The target gives records its own time.
    package private(set) var ignoresTimestamps = false
    private var scan: LogRangeScan

    /// Records compared, at most.
    package static let most: Int64 = 16

    /// Comparison with what the source has sent.
    package struct Comparison: Hashable, Sendable {
        /// The first offset that holds another record than the copy.
        package var differsAt: Int64?
        /// Records that are the same.
        package var same = 0
        /// Offset behind the last whole batch; nil when there was none.
        package var next: Int64?
    }

    /// - Parameter stretch: of one piece.
    package init(_ stretch: OffsetSegment) {
        let count = min(stretch.length, Self.most)
        sources = stretch.sourceEnd - count..<stretch.sourceEnd
        target = stretch.targetEnd - count
        scan = LogRangeScan(from: target, to: stretch.targetEnd)
    }

    /// The next target offset to read; nil once all copies were read.
    package var nextTarget: Int64? { scan.isDone ? nil : scan.position }

    /// Nothing is left that could be compared.
    package var isEmpty: Bool { fingerprints.isEmpty }

    /// Takes in records of the target.
    ///
    /// - Parameter ours: the flow's producer ids: what others wrote in the places of copies is none.
    package mutating func takeCopies(_ records: ByteBuffer, ours: Set<Int64>, hadRoom: Bool) {
        var reader = LogEntryReader(records)
        var next = scan.position
        // Records that cannot be read are not compared.
        while next < scan.end, let entry = try? reader.next() {
            // The source may have an aborted record in the place of filler.
            if case .batch(let batch) = entry, !batch.header.isControl, ours.contains(batch.header.producerID),
                !Filler.isFiller(batch)
            {
                takeCopies(batch)
            }
            next = max(next, entry.lastOffset + 1)
        }
        scan.read(upTo: next, hadRoom: hadRoom)
    }

    private mutating func takeCopies(_ batch: RecordBatch) {
        if batch.header.timestampType == .logAppendTime, !ignoresTimestamps {
            ignoresTimestamps = true
            fingerprints = [:]
        }
        var found: [Int64: ContentFingerprint] = [:]
        let isKnown = try? batch.forEachFingerprint(ignoringTimestamp: ignoresTimestamps) { offset, fingerprint in
            let source = sources.lowerBound + offset - target
            if sources.contains(source) { found[source] = fingerprint }
        }
        if isKnown == true { fingerprints.merge(found) { _, new in new } }
    }

    /// Compares records of the source, read from the first of ``sources`` on.
    package func compare(_ records: ByteBuffer) -> Comparison {
        var comparison = Comparison()
        var reader = LogEntryReader(records)
        while comparison.differsAt == nil, comparison.next ?? 0 < sources.upperBound, let entry = try? reader.next() {
            if case .batch(let batch) = entry, !batch.header.isControl, batch.header.nextOffset > sources.lowerBound {
                _ = try? batch.forEachFingerprint(ignoringTimestamp: ignoresTimestamps) { offset, fingerprint in
                    guard let copy = fingerprints[offset] else { return }
                    if copy == fingerprint {
                        comparison.same += 1
                    } else {
                        comparison.differsAt = min(comparison.differsAt ?? offset, offset)
                    }
                }
            }
            comparison.next = max(comparison.next ?? 0, entry.lastOffset + 1)
        }
        return comparison
    }

    /// The source has shown its records below an offset: the rest is to be compared.
    package mutating func passed(_ offset: Int64) {
        sources = min(max(offset, sources.lowerBound), sources.upperBound)..<sources.upperBound
    }
}
