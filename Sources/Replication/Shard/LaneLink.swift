package import NIOCore

/// State of the task that fetches in one lane, as the rest of the shard sees it.
package struct LaneLink {
    let signal = Signal()
    /// The broker answers at once with nothing: it is asked again then.
    var idleUntil: NIODeadline = .distantPast
    /// Such answers in a row.
    private var idleAnswers = 0

    package init() {}

    /// A fetch was answered at once, without anything.
    ///
    /// - Returns: how long to wait before the next: the first are asked at once, then each pause is twice as long.
    package mutating func answeredIdly() -> TimeAmount {
        idleAnswers += 1
        return .milliseconds(1 << Int64(min(idleAnswers, 10)))
    }

    package mutating func answeredWithSomething() {
        idleAnswers = 0
    }
}
