/// Bytes of fetched frames that are still in memory, against a fixed budget.
///
/// A slice of a frame keeps the whole frame alive, so a frame counts in full until the last batch taken from it is
/// acknowledged. While a fetch is under way, what it may bring is reserved.
package struct FrameBudget: Sendable {
    package let budget: Int
    private(set) var held = 0
    private(set) var reserved = 0
    private var frames: [Int: (bytes: Int, batches: Int)] = [:]

    package init(budget: Int) {
        self.budget = budget
    }

    package var available: Int { max(0, budget - held - reserved) }

    package mutating func reserve(_ bytes: Int) {
        reserved += bytes
    }

    package mutating func release(reservation bytes: Int) {
        reserved -= bytes
    }

    /// Books a frame from which `batches` batches were taken.
    ///
    /// - Returns: the id under which each of those batches is given back; nil for a frame without batches.
    package mutating func book(bytes: Int, batches: Int) -> Int? {
        guard batches > 0 else { return nil }
        let frame = nextFrame
        book(frame: frame, bytes: bytes, batches: batches)
        return frame
    }

    /// The id that the next frame is booked under.
    package private(set) var nextFrame = 1

    /// Books a frame under ``nextFrame``.
    package mutating func book(frame: Int, bytes: Int, batches: Int) {
        frames[frame] = (bytes, batches)
        held += bytes
        nextFrame = frame + 1
    }

    /// One batch of the frame is no longer needed.
    package mutating func release(_ id: Int) {
        guard var frame = frames[id] else { return }
        frame.batches -= 1
        if frame.batches == 0 {
            held -= frame.bytes
            frames[id] = nil
        } else {
            frames[id] = frame
        }
    }
}
