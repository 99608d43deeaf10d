/// Place in a source log up to which batches were taken in.
package struct SourceCursor: Hashable, Sendable {
    /// The next source offset to fetch.
    package var position: Int64
    /// Leader epoch of the last batch read; -1 when unknown.
    package var leaderEpoch: Int32
    /// Source offsets in front of ``position`` without a copy, back to the last batch that has one.
    package var openSkips: [SkipReason: Int64] = [:]

    package init(position: Int64, leaderEpoch: Int32 = -1) {
        self.position = position
        self.leaderEpoch = leaderEpoch
    }
}
