internal import CoreMetrics
internal import Histogram
internal import Synchronization

/// Time spans, kept to two significant digits between a microsecond and a day.
final class HistogramInstrument: TimerHandler {
    private let state = Mutex(State())

    private struct State {
        var histogram = Histogram<UInt64>(
            lowestDiscernibleValue: 1, highestTrackableValue: 86_400_000_000, numberOfSignificantValueDigits: .two)
        var sumMicroseconds: UInt64 = 0
    }

    /// What Prometheus wants to know at one moment.
    struct Reading {
        /// Observations up to each of ``buckets``, in the same order.
        var cumulative: [UInt64]
        var count: UInt64
        var sumSeconds: Double
    }

    /// Upper bounds in seconds.
    static let buckets: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600,
    ]

    func recordNanoseconds(_ duration: Int64) {
        let microseconds = UInt64(clamping: max(0, duration) / 1_000)
        state.withLock { state in
            _ = state.histogram.record(min(microseconds, 86_400_000_000))
            state.sumMicroseconds &+= microseconds
        }
    }

    func preferDisplayUnit(_ unit: TimeUnit) {}

    var reading: Reading {
        state.withLock { state in
            Reading(
                cumulative: Self.buckets.map { state.histogram.count(within: 0...UInt64($0 * 1_000_000)) },
                count: state.histogram.totalCount,
                sumSeconds: Double(state.sumMicroseconds) / 1_000_000)
        }
    }
}
