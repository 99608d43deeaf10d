package import Replication

/// Tells which records of a source's tail a target has, when all that is known is what the target's log holds beyond
/// the last checkpoint.
///
/// A flow writes in order and leaves nothing out. So the source is walked from the checkpoint beside the target's
/// records, and everything up to the last match is there.
///
/// Where the target's leader has changed, its log may have been cut, and what was on its way has landed there in front of
/// what is missing; the same goes for a batch whose sequence leaves some out. What lies behind such a seam counts only if the
/// source has nothing in between.
package struct TailWalk: Sendable {
    private var places: [ContentPrint: [Int]] = [:]
    private var lastPlace = -1
    private let count: Int
    private var seams: ArraySlice<Int>
    /// Nothing of the source since the last match was without one.
    private var isGapless = true
    private var isCut = false

    /// - Parameters:
    ///   - there: prints of the flow's records on the target beyond the checkpoint, in order.
    ///   - seams: places among them where something may be missing.
    package init(there: [ContentPrint], seams: [Int] = []) {
        count = there.count
        self.seams = seams[...]
        for (place, print) in there.enumerated() { places[print, default: []].append(place) }
    }

    /// Whether the target's records are all accounted for: what follows is not there.
    package var isDone: Bool { isCut || lastPlace >= count - 1 }

    /// Takes the source's next record that the flow would write.
    ///
    /// - Returns: whether it matches a record of the target; then it and everything before it are there.
    package mutating func take(_ print: ContentPrint) -> Bool {
        guard !isDone else { return false }
        guard let place = places[print]?.first(where: { $0 > lastPlace }) else {
            isGapless = false
            return false
        }
        while let seam = seams.first, seam <= place {
            guard isGapless else {
                isCut = true
                return false
            }
            seams.removeFirst()
        }
        isGapless = true
        lastPlace = place
        return true
    }
}
