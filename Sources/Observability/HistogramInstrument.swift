internal import CoreMetrics
internal import Synchronization

/// Time spans, counted by bucket. A topic costs some hundred bytes, so that thousands of topics may have one.
final class HistogramInstrument: TimerHandler {
    private let state = Mutex(State())

    private struct State {
        /// Observations in each bucket alone; the last is for what is above all bounds.
        var counts = [UInt64](repeating: 0, count: buckets.count + 1)
        var sumNanoseconds: UInt64 = 0
        var interval = Interval()
    }

    /// State at one moment, in the form that Prometheus wants.
    struct Reading {
        /// Observations up to each of ``buckets``, in the same order.
        var cumulative: [UInt64]
        var count: UInt64
        var sumSeconds: Double
    }

    /// Observations since the last reading of the interval.
    struct Interval {
        var count: UInt64 = 0
        var sumSeconds: Double = 0
        var maximumSeconds: Double = 0
    }

    /// Upper bounds in seconds.
    static let buckets: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600,
    ]

    func recordNanoseconds(_ duration: Int64) {
        let nanoseconds = UInt64(max(0, duration))
        let seconds = Double(nanoseconds) / 1e9
        let bucket = Self.buckets.firstIndex { seconds <= $0 } ?? Self.buckets.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sumNanoseconds &+= nanoseconds
            state.interval.count += 1
            state.interval.sumSeconds += seconds
            state.interval.maximumSeconds = max(state.interval.maximumSeconds, seconds)
        }
    }

    func preferDisplayUnit(_ unit: TimeUnit) {}

    var reading: Reading {
        state.withLock { state in
            var total: UInt64 = 0
            let cumulative = state.counts.dropLast().map { count in
                total += count
                return total
            }
            return Reading(
                cumulative: cumulative, count: total + (state.counts.last ?? 0),
                sumSeconds: Double(state.sumNanoseconds) / 1e9)
        }
    }

    /// For one asker: each asks about the time since the last one.
    func takeInterval() -> Interval {
        state.withLock { state in
            defer { state.interval = Interval() }
            return state.interval
        }
    }
}
