import NIOCore
import Replication
import Testing

/// An instance that does not hear the source, among others.
@Suite struct SourceSightTests {
    private static func second(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1 << 50) + .seconds(seconds) }

    @Test func `one that hears nothing while another does is blind, and sees when it has heard for a while`() {
        var sight = SourceSight(at: Self.second(0))
        // The other has heard 9 s more of it.
        var isNews = sight.others(silentFor: .seconds(1), at: Self.second(10))
        #expect(!isNews && !sight.isBlind)
        isNews = sight.others(silentFor: .seconds(1), at: Self.second(11))
        #expect(isNews && sight.isBlind)
        isNews = sight.others(silentFor: .zero, at: Self.second(12))
        #expect(!isNews && sight.isBlind)

        // One answer is not enough.
        for time in stride(from: Int64(20), to: 30, by: 2) {
            isNews = sight.heard(at: Self.second(time))
            #expect(!isNews && sight.isBlind)
        }
        isNews = sight.heard(at: Self.second(30))
        #expect(isNews && !sight.isBlind)
    }

    @Test func `a silence starts the time again that a blind one has to hear`() {
        var sight = SourceSight(at: Self.second(0))
        _ = sight.others(silentFor: .zero, at: Self.second(20))
        _ = sight.heard(at: Self.second(21))
        _ = sight.heard(at: Self.second(25))
        let isNews = sight.heard(at: Self.second(35))
        #expect(!isNews && sight.isBlind)
    }

    @Test func `a source that nobody hears makes nobody blind`() {
        var sight = SourceSight(at: Self.second(0))
        for time in stride(from: Int64(10), to: 600, by: 10) {
            let isNews = sight.others(silentFor: .seconds(time - 3), at: Self.second(time))
            #expect(!isNews && !sight.isBlind)
        }
        #expect(sight.silence(at: Self.second(600)) == .seconds(600))
    }
}
