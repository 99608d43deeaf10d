package import NIOCore
internal import Synchronization

/// The clock that a session is counted by: it keeps running while the machine sleeps.
package enum SessionClock {
    private static let begin = ContinuousClock.now
    /// Nothing is ever before it.
    private static let offset: Int64 = 1 << 50

    package static func now() -> NIODeadline {
        let (seconds, attoseconds) = (ContinuousClock.now - begin).components
        return .uptimeNanoseconds(UInt64(offset + seconds * 1_000_000_000 + attoseconds / 1_000_000_000))
    }
}

/// The time for which this process may write what was assigned to it: asked before each request that writes, by whatever
/// thread sends it.
///
/// A process that was frozen asks it before it knows that it was, so the answer is one of the clock alone.
package final class InstanceLease: Sendable {
    /// Nanoseconds on ``SessionClock``; 0 while there is none.
    private let deadline: Atomic<UInt64> = Atomic(0)

    package init() {}

    package func extend(to end: NIODeadline) {
        deadline.store(end.uptimeNanoseconds, ordering: .releasing)
    }

    package func end() {
        deadline.store(0, ordering: .releasing)
    }

    package var isHeld: Bool {
        SessionClock.now().uptimeNanoseconds < deadline.load(ordering: .acquiring)
    }
}
