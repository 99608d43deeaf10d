/// Source offsets that a batch's records came from, in order: ranges without holes.
///
/// The first range is a field of its own, so that a batch without holes costs no allocation.
package struct SourceRuns: Hashable, Sendable {
    package private(set) var first: Range<Int64>
    package private(set) var rest: [Range<Int64>] = []

    /// - Parameter range: not empty.
    package init(_ range: Range<Int64>) {
        first = range
    }

    /// The record that follows.
    package mutating func append(_ offset: Int64) {
        append(offset..<offset + 1)
    }

    /// The records that follow, without a hole among them.
    package mutating func append(_ range: Range<Int64>) {
        if rest.isEmpty {
            guard range.lowerBound != first.upperBound else {
                first = first.lowerBound..<range.upperBound
                return
            }
        } else if let last = rest.last, last.upperBound == range.lowerBound {
            rest[rest.count - 1] = last.lowerBound..<range.upperBound
            return
        }
        rest.append(range)
    }

    /// The records of a batch that is merged behind this one.
    package mutating func append(contentsOf other: SourceRuns) {
        append(other.first)
        for range in other.rest { append(range) }
    }

    /// Source offset behind the last record.
    package var end: Int64 { rest.last?.upperBound ?? first.upperBound }

    /// Each record's offset, one after the other.
    var offsets: some IteratorProtocol<Int64> { ranges.lazy.joined().makeIterator() }

    package var ranges: [Range<Int64>] { [first] + rest }

    package var count: Int64 { rest.reduce(Int64(first.count)) { $0 + Int64($1.count) } }
}
