import NIOCore

extension Cluster {
    /// Does the parts of a request one after the other, and lets other connections have the thread in between when they
    /// take long: each part is short, but a request may have thousands.
    ///
    /// Ordinary requests are done before this returns. Requests that are left when the cluster closes are not done.
    func inTurns(from first: Int = 0, to count: Int, _ part: @escaping (Int) -> Void, then finish: @escaping () -> Void)
    {
        guard !isClosed else { return }
        let start = NIODeadline.now()
        var index = first
        while index < count {
            part(index)
            index += 1
            guard index < count, NIODeadline.now() - start > Self.longestTurn else { continue }
            let next = index
            // Not at once: tasks that are due come before what sockets have brought.
            _ = loop.scheduleTask(in: .milliseconds(1)) { [self] in
                inTurns(from: next, to: count, part, then: finish)
            }
            return
        }
        finish()
    }

    private static let longestTurn = TimeAmount.milliseconds(25)
}
