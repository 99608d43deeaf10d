/// Source offsets of records, as ranges: of two records that follow each other at the source, all offsets between them
/// belong to the same range.
package struct OffsetRuns: Hashable, Sendable {
    package private(set) var ranges: [Range<Int64>] = []
    package private(set) var count = 0
    /// The first of them.
    package private(set) var examples: [Int64] = []
    private var lastPlace: Int?

    package init() {}

    /// - Parameter place: the record's number among those that take part; rises with each call.
    package mutating func add(_ offset: Int64, at place: Int) {
        count += 1
        if examples.count < CopyAlignment.mostExamples { examples.append(offset) }
        defer { lastPlace = place }
        if let lastPlace, lastPlace + 1 == place, let range = ranges.popLast() {
            ranges.append(range.lowerBound..<offset + 1)
        } else {
            ranges.append(offset..<offset + 1)
        }
    }
}
