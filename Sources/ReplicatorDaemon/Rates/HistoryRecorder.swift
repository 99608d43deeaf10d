package import Observability
internal import Replication

/// Writes samples of flows and topics into the history, every few polls: often enough that it has no holes.
package struct HistoryRecorder: Sendable {
    private let history: History
    private var lastEntry: ContinuousClock.Instant?
    private var lastCall: ContinuousClock.Instant?
    /// Longest latencies since the last entry.
    private var peaks: [History.Subject: Double] = [:]

    /// The longest time between two entries of the history.
    package static let interval: Duration = .seconds(5)

    package init(_ history: History) {
        self.history = history
    }

    /// - Parameter time: milliseconds since 1970, under which the samples are kept.
    package mutating func record(_ samples: [FlowSample], at now: ContinuousClock.Instant, time: Int64) {
        // After the next call it would be too late, if that comes as soon as this one.
        let next = now + (lastCall.map { now - $0 } ?? .zero)
        let isDue = lastEntry.map { next - $0 > Self.interval } ?? true
        lastCall = now
        if isDue { lastEntry = now }
        for sample in samples {
            let flow = sample.status.name
            for topic in sample.topics {
                record(
                    History.Subject(flow: flow, topic: topic.topic), lag: topic.lag, topic.bytesPerSecond,
                    topic.recordsPerSecond, topic.latencyMaximum, isDue ? time : nil)
            }
            record(
                History.Subject(flow: flow), lag: sample.lag, sample.bytesPerSecond, sample.recordsPerSecond,
                sample.latencyMaximum, isDue ? time : nil)
        }
        if isDue { history.forget(before: time - History.span) }
    }

    /// Latencies between two entries are not forgotten: the longest counts.
    ///
    /// - Parameter time: nil when no entry is due.
    private mutating func record(
        _ subject: History.Subject, lag: Int64?, _ bytesPerSecond: Double, _ recordsPerSecond: Double,
        _ latency: Double?, _ time: Int64?
    ) {
        if let latency { peaks[subject] = max(peaks[subject] ?? 0, latency) }
        guard let time else { return }
        history.add(
            History.Sample(
                time: time, lag: lag.map { Double($0) }, bytesPerSecond: bytesPerSecond,
                recordsPerSecond: recordsPerSecond,
                latency: peaks.removeValue(forKey: subject)), of: subject)
    }
}
