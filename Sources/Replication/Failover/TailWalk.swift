/// Tells which records of a source's tail a target has, when all that is known is what the target's log holds beyond
/// the last checkpoint.
///
/// A flow writes in order and leaves nothing out. So the source is walked from the checkpoint beside the target's
/// records, and everything up to the last match is there.
package struct TailWalk: Sendable {
    private var places: [ContentPrint: [Int]] = [:]
    private var lastPlace = -1
    private let count: Int

    /// - Parameter there: prints of the flow's records on the target beyond the checkpoint, in order.
    package init(there: [ContentPrint]) {
        count = there.count
        for (place, print) in there.enumerated() { places[print, default: []].append(place) }
    }

    /// Whether the target's records are all accounted for: what follows is not there.
    package var isDone: Bool { lastPlace >= count - 1 }

    /// Takes the source's next record that the flow would write.
    ///
    /// - Returns: whether it matches a record of the target; then it and everything before it are there.
    package mutating func take(_ print: ContentPrint) -> Bool {
        guard !isDone, let place = places[print]?.first(where: { $0 > lastPlace }) else { return false }
        lastPlace = place
        return true
    }
}
