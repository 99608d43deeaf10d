package import NIOCore

/// Bytes that are asked for in one fetch, of a partition or over a connection.
///
/// Where the next fetch begins is known only from the answer to the last, so that a partition has one on its way at a
/// time: over a distance its size is the speed. It is what comes within a few round trips at the pace of late, which is
/// the pace at which the target takes it. From nearby the usual size is enough, and small answers stay in the processor's
/// caches.
package struct FetchWindow: Sendable {
    package private(set) var bytes: Int
    private let usual: Int
    private var answeredAt: NIODeadline?

    /// With so many, a fifth of the time passes without anything coming.
    private static let roundTrips = 4.0
    /// Brokers cut longer answers (`fetch.max.bytes`, 55 MiB).
    package static let largest = 48 << 20

    /// - Parameter usual: the size from nearby, and the smallest.
    package init(usual: Int) {
        self.usual = usual
        bytes = usual
    }

    /// An answer has brought something.
    ///
    /// - Parameters:
    ///   - roundTrip: to the broker and back.
    ///   - most: bytes that there is memory for.
    package mutating func answered(_ received: Int, roundTrip: TimeAmount, most: Int, at now: NIODeadline) {
        defer { answeredAt = now }
        guard let answeredAt, now > answeredAt else { return }
        let pace = Double(received) / Double((now - answeredAt).nanoseconds)
        let wanted = Int(min(pace * Double(roundTrip.nanoseconds) * Self.roundTrips, Double(Self.largest)))
        // One short answer, since others had their turn, does not make it small.
        bytes = max(usual, min(max(wanted, bytes / 2), most, Self.largest))
    }
}
