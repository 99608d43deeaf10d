package import Replication

/// Place of a source range's copy on the target, found by content alone: between records before the range that are
/// equal on both sides, and such records behind it.
///
/// ```
///   source window   . . a b c d │ e f g h … │ w x y z . .     begins at a, since abcd are alike, ends at w
///   target window . . . a b c d   e f'g h …   w x y z . .
/// ```
///
/// The records between the two places must be the same; they are a little more than the range.
package struct RangeAlignment: Hashable, Sendable {
    /// Source offsets to compare.
    package var source: Range<Int64>
    /// Target offsets to compare.
    package var target: Range<Int64>

    /// The part of it behind a place that both sides share.
    package func behind(_ place: Place) -> RangeAlignment {
        guard source.lowerBound < place.source, target.lowerBound < place.target else { return self }
        var rest = self
        rest.source = min(place.source, source.upperBound)..<source.upperBound
        rest.target = min(place.target, target.upperBound)..<target.upperBound
        return rest
    }

    /// One side's records around the range.
    package struct Window: Sendable {
        package var fingerprints: [RecordFingerprint]
        /// The offsets that were looked at.
        package var range: Range<Int64>
        /// Nothing that takes part lies before it, nothing behind it.
        package var isWhole: (start: Bool, end: Bool)

        package init(_ fingerprints: [RecordFingerprint], range: Range<Int64>, within whole: Range<Int64>) {
            self.fingerprints = fingerprints
            self.range = range
            isWhole = (range.lowerBound <= whole.lowerBound, range.upperBound >= whole.upperBound)
        }
    }

    /// A record on both sides.
    package struct Place: Hashable, Sendable {
        package var source: Int64
        package var target: Int64

        package init(source: Int64, target: Int64) {
            self.source = source
            self.target = target
        }
    }

    /// - Parameters:
    ///   - wanted: source offsets, within the source's window.
    ///   - guess: the target offset where the range's first record is thought to be: of several places the nearest is
    ///     taken.
    /// - Returns: nil when the windows do not show it.
    package init?(of wanted: Range<Int64>, source: Window, target: Window, guess: Int64) {
        let places = Places(source: source, target: target)
        guard let begin = places.begin(at: wanted.lowerBound, guess: guess),
            let end = places.end(at: wanted.upperBound, behind: begin)
        else { return nil }
        self.source = begin.source..<max(begin.source, end.source)
        self.target = begin.target..<max(begin.target, end.target)
    }

    /// Only the beginning of the range, for one that reaches to the end of both sides.
    package static func begin(of wanted: Int64, source: Window, target: Window, guess: Int64) -> Place? {
        Places(source: source, target: target).begin(at: wanted, guess: guess)
    }
}

/// Finds the places where two windows are alike.
private struct Places {
    private let source: RangeAlignment.Window
    private let target: RangeAlignment.Window
    private var positions: [RecordFingerprint.Content: [Int]] = [:]

    /// Records that must be alike one after the other.
    private static let confirmation = 4

    init(source: RangeAlignment.Window, target: RangeAlignment.Window) {
        self.source = source
        self.target = target
        for (index, fingerprint) in target.fingerprints.enumerated() {
            positions[fingerprint.content, default: []].append(index)
        }
    }

    /// At the range's first record, else as little as possible before it.
    func begin(at offset: Int64, guess: Int64) -> RangeAlignment.Place? {
        let first = source.fingerprints.firstIndex { $0.offset >= offset } ?? source.fingerprints.endIndex
        for index in (0...first).reversed() where index < source.fingerprints.endIndex {
            if let place = place(of: index, near: guess + source.fingerprints[index].offset - offset) { return place }
        }
        guard source.isWhole.start, target.isWhole.start else { return nil }
        return RangeAlignment.Place(source: source.range.lowerBound, target: target.range.lowerBound)
    }

    /// At the first record behind the range, else as little as possible behind it.
    func end(at offset: Int64, behind begin: RangeAlignment.Place) -> RangeAlignment.Place? {
        let first = source.fingerprints.firstIndex { $0.offset >= offset } ?? source.fingerprints.endIndex
        for index in first..<source.fingerprints.endIndex {
            let expected = begin.target + source.fingerprints[index].offset - begin.source
            if let place = place(of: index, near: expected), place.target >= begin.target { return place }
        }
        guard source.isWhole.end, target.isWhole.end else { return nil }
        return RangeAlignment.Place(source: source.range.upperBound, target: target.range.upperBound)
    }

    private func place(of index: Int, near expected: Int64) -> RangeAlignment.Place? {
        let found = (positions[source.fingerprints[index].content] ?? []).filter { goesOnAlike(index, $0) }
            .min { abs(target.fingerprints[$0].offset - expected) < abs(target.fingerprints[$1].offset - expected) }
        return found.map {
            RangeAlignment.Place(source: source.fingerprints[index].offset, target: target.fingerprints[$0].offset)
        }
    }

    private func goesOnAlike(_ ours: Int, _ theirs: Int) -> Bool {
        for step in 1..<Self.confirmation {
            let isBeyond = (
                source: ours + step >= source.fingerprints.count, target: theirs + step >= target.fingerprints.count
            )
            // Both logs may end here; where a window ends nothing is known.
            if isBeyond.source || isBeyond.target {
                return isBeyond.source && isBeyond.target && source.isWhole.end && target.isWhole.end
            }
            guard source.fingerprints[ours + step].hasContent(of: target.fingerprints[theirs + step]) else {
                return false
            }
        }
        return true
    }
}
