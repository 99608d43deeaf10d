package import NIOCore

/// The sight that an instance has of the source, beside the others: one that hears nothing of it while another does is
/// blind, and what it has is better copied elsewhere. No I/O and no clock.
///
/// A source that nobody hears makes nobody blind: nothing would be better elsewhere.
package struct SourceSight: Hashable, Sendable {
    /// Time by which another instance has heard the source later than this one, from which on this one is blind; and for
    /// which a blind one hears it before it sees again.
    private static let patience: TimeAmount = .seconds(10)
    /// Time between two answers that is no silence.
    private static let steady: TimeAmount = .seconds(5)

    package private(set) var isBlind = false
    private var heard: NIODeadline
    /// Begin of the answers that have come without a silence between them.
    private var heardSince: NIODeadline

    /// - Parameter now: the source counts as heard then.
    package init(at now: NIODeadline) {
        heard = now
        heardSince = now
    }

    /// The source has answered.
    ///
    /// - Returns: whether that changes ``isBlind``.
    package mutating func heard(at now: NIODeadline) -> Bool {
        if now - heard > Self.steady { heardSince = now }
        heard = now
        guard isBlind, now - heardSince >= Self.patience else { return false }
        isBlind = false
        return true
    }

    /// Another instance has told how long the source had been silent for it, as of now or earlier.
    ///
    /// - Returns: whether that changes ``isBlind``.
    package mutating func others(silentFor silence: TimeAmount, at now: NIODeadline) -> Bool {
        guard !isBlind, (now - silence) - heard >= Self.patience else { return false }
        isBlind = true
        return true
    }

    /// For how long the source has not answered.
    package func silence(at now: NIODeadline) -> TimeAmount { now - heard }
}
