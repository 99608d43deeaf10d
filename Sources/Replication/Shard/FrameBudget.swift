/// Bytes of fetched frames that are still in memory, against a fixed budget.
///
/// A slice of a frame keeps the whole frame alive, so a frame counts in full until the last batch taken from it is
/// acknowledged. While a fetch is under way, what it may bring is reserved. A share is kept free of backlogs: however much
/// there is to catch up on, what is new elsewhere can be fetched.
package struct FrameBudget: Sendable {
    package let budget: Int
    /// Bytes that backlogs leave to tails.
    package let tailShare: Int
    private(set) var held = 0
    private(set) var reserved = 0
    private var reservedForTails = 0
    private var frames: [Int: (bytes: Int, batches: Int)] = [:]

    package init(budget: Int) {
        self.budget = budget
        tailShare = min(budget / 8, Self.largestTailShare)
    }

    private static let largestTailShare = 8 << 20

    package var available: Int { max(0, budget - held - reserved) }

    /// The same for partitions that have a backlog.
    package var availableToBacklogs: Int {
        max(0, budget - held - (reserved - reservedForTails) - max(tailShare, reservedForTails))
    }

    /// Bytes that one of so many fetches of backlogs may bring, so that there is room for the next ones while the answer
    /// to one is still on its way to the target.
    package func backlogShare(of fetches: Int) -> Int { (budget - tailShare) / (max(fetches, 1) + 1) }

    /// Bytes waiting for the target with which a partition is full: as much as nobody holds of what backlogs may. One that
    /// holds nothing never is.
    package var largestPartition: Int { max(budget - tailShare - held, 1) }

    /// Some partition may be full: a smaller part of what backlogs may hold is no more than the rest.
    package var mayFill: Bool { 2 * held >= budget - tailShare }

    /// Bytes to ask for in one fetch of tails. Where backlogs hold all that they may, one fetch does not take all the rest.
    package var tailFetch: Int { held < budget - tailShare ? tailShare : available / 4 }

    package mutating func reserve(_ bytes: Int, forTails isForTails: Bool = false) {
        reserved += bytes
        if isForTails { reservedForTails += bytes }
    }

    package mutating func release(reservation bytes: Int, forTails isForTails: Bool = false) {
        reserved -= bytes
        if isForTails { reservedForTails -= bytes }
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
