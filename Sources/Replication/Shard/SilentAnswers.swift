internal import NIOCore

/// Answers of fetch sessions as news of the partitions that they leave out: those have nothing new. No I/O and no clock.
///
/// Of each lane, what its session was told is numbered: silence is news only of a partition that the answered request was
/// about.
struct SilentAnswers {
    private struct Round {
        var number = 0
        var answered: (number: Int, at: NIODeadline)?
    }

    private var rounds: [FetchLane: Round] = [:]

    /// A session is told what has changed, before its next request.
    ///
    /// - Returns: the number to keep with each partition that it is told of.
    mutating func told(_ lane: FetchLane) -> Int {
        rounds[lane, default: Round()].number += 1
        return rounds[lane]?.number ?? 0
    }

    /// The request that was sent last is answered, within a session.
    mutating func answered(_ lane: FetchLane, at now: NIODeadline) {
        guard let number = rounds[lane]?.number else { return }
        rounds[lane]?.answered = (number, now)
    }

    /// The last answer that says, by leaving it out, that a partition has nothing new.
    ///
    /// - Parameter number: of when the session was told of it.
    func silence(of lane: FetchLane, since number: Int) -> NIODeadline? {
        guard let answered = rounds[lane]?.answered, answered.number >= number else { return nil }
        return answered.at
    }
}
