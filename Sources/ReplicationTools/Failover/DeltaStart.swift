package import Replication

/// Finds where on a target the records begin that did not come from the source: where the opposite flow has to begin,
/// so that it brings back everything that is new and reads nothing that is not.
///
/// ```
///   target   a0' a1' a2' ▒ a3' a4' b0 b1 a5' b2        ' copy, ▒ marker or hole
///                                  └ here
/// ```
///
/// The forward flow's map knows the copies; what lies between them is looked at in the log.
package struct DeltaStart: Sendable {
    private let map: OffsetMap
    /// Nothing below it is anybody's but the source's; what it holds itself is to be looked at.
    package private(set) var offset: Int64

    /// - Parameter logStart: the first offset that the target still has.
    package init(map: OffsetMap, logStart: Int64) {
        self.map = map
        offset = map.firstForeign(fromTarget: logStart)
    }

    /// Content of the log at ``offset``, or behind it.
    package enum Look: Hashable, Sendable {
        /// A marker, which ends before this offset.
        case control(next: Int64)
        /// Nothing before this offset: compaction has removed it.
        case hole(until: Int64)
    }

    /// Moves past what is nobody's record.
    package mutating func pass(_ look: Look) {
        switch look {
        case .control(let next): offset = map.firstForeign(fromTarget: max(offset, next))
        case .hole(let until): offset = map.firstForeign(fromTarget: max(offset, until))
        }
    }
}
