import NIOCore
import Replication
import Testing

/// Sizes of fetches by the round trip and the pace at which what they bring is taken.
@Suite struct FetchWindowTests {
    private static let usual = 1 << 20
    private static let bandwidth = 500e6

    /// Answers of a broker at this distance, each as large as was asked for, until the size does not change any more.
    private func settled(
        roundTrip: TimeAmount, most: Int = .max, bandwidth: Double = bandwidth
    ) -> (bytes: Int, pace: Double) {
        var window = FetchWindow(usual: Self.usual)
        var now = NIODeadline.uptimeNanoseconds(1)
        var pace = 0.0
        for _ in 0..<50 {
            let bytes = window.bytes
            let time = roundTrip + .nanoseconds(Int64(Double(bytes) / bandwidth * 1e9))
            now = now + time
            window.answered(bytes, roundTrip: roundTrip, most: most, at: now)
            pace = Double(bytes) / Double(time.nanoseconds) * 1e9
        }
        return (window.bytes, pace)
    }

    @Test func `from nearby the usual size is asked for`() {
        #expect(settled(roundTrip: .microseconds(100)).bytes == Self.usual)
    }

    @Test func `over a distance a fetch grows until most of the time something comes`() {
        let far = settled(roundTrip: .milliseconds(20))
        #expect(far.pace > 0.7 * Self.bandwidth)
        #expect(far.bytes < 40 << 20)
    }

    @Test func `no more is asked for than there is memory for, nor than brokers send at once`() {
        #expect(settled(roundTrip: .milliseconds(100), most: 7 << 20).bytes == 7 << 20)
        #expect(settled(roundTrip: .seconds(1)).bytes == FetchWindow.largest)
    }

    @Test func `a target that takes little makes fetches small again, however far the source is`() {
        var window = FetchWindow(usual: Self.usual)
        var now = NIODeadline.uptimeNanoseconds(1)
        for _ in 0..<20 {
            now = now + .milliseconds(110)
            window.answered(window.bytes, roundTrip: .milliseconds(100), most: 16 << 20, at: now)
        }
        #expect(window.bytes == 16 << 20)
        for _ in 0..<20 {
            now = now + .milliseconds(500)
            window.answered(1 << 20, roundTrip: .milliseconds(100), most: 16 << 20, at: now)
        }
        #expect(window.bytes == Self.usual)
    }

    @Test func `one short answer does not undo what was learned`() {
        var window = FetchWindow(usual: Self.usual)
        var now = NIODeadline.uptimeNanoseconds(1)
        for _ in 0..<20 {
            now = now + .milliseconds(110)
            window.answered(window.bytes, roundTrip: .milliseconds(100), most: 16 << 20, at: now)
        }
        now = now + .milliseconds(100)
        window.answered(100, roundTrip: .milliseconds(100), most: 16 << 20, at: now)
        #expect(window.bytes == 8 << 20)
    }
}
