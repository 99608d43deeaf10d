internal import DequeModule
internal import Synchronization

/// The last hour of every flow and topic, sample by sample. Bounded in samples and in topics.
public final class History: Sendable {
    /// Values between the sample before and this one.
    public struct Sample: Sendable, Codable {
        /// Milliseconds since 1970.
        public var time: Int64
        /// Nil while it was not known.
        public var lag: Float?
        public var bytesPerSecond: Float
        public var recordsPerSecond: Float
        /// Longest replication latency, in seconds; nil when nothing was acknowledged.
        public var latency: Float?

        public init(time: Int64, lag: Double?, bytesPerSecond: Double, recordsPerSecond: Double, latency: Double?) {
            self.time = time
            self.lag = lag.map { Float($0) }
            self.bytesPerSecond = Float(bytesPerSecond.rounded())
            self.recordsPerSecond = Float(recordsPerSecond.rounded())
            self.latency = latency.map { Float($0) }
        }
    }

    /// A flow as a whole, or one topic of it.
    public struct Subject: Sendable, Hashable {
        public var flow: String
        public var topic: String?

        public init(flow: String, topic: String? = nil) {
            self.flow = flow
            self.topic = topic
        }
    }

    /// Time span of the history, in milliseconds.
    public static let span: Int64 = 3_600_000

    private let topicLimit: Int
    private let state = Mutex(State())

    private struct State {
        var series: [Subject: Deque<Sample>] = [:]
        var topicCount = 0
    }

    /// - Parameter topicLimit: topics that are remembered; further ones only count in their flow.
    public init(topicLimit: Int = 200) {
        self.topicLimit = topicLimit
    }

    public func add(_ sample: Sample, of subject: Subject) {
        state.withLock { state in
            if state.series[subject] == nil, subject.topic != nil {
                guard state.topicCount < topicLimit else { return }
                state.topicCount += 1
            }
            state.series[subject, default: []].append(sample)
            while let first = state.series[subject]?.first, first.time <= sample.time - Self.span {
                state.series[subject]?.removeFirst()
            }
        }
    }

    /// Forgets what nobody adds to any more.
    public func forget(before time: Int64) {
        state.withLock { state in
            for (subject, samples) in state.series where (samples.last?.time ?? 0) < time {
                state.series[subject] = nil
                if subject.topic != nil { state.topicCount -= 1 }
            }
        }
    }

    /// Samples of a subject, oldest first, thinned out to about `points`: of the samples that become one, the largest
    /// values count, so that no peak is lost.
    public func samples(of subject: Subject, points: Int) -> [Sample] {
        let all = state.withLock { Array($0.series[subject] ?? []) }
        let size = (max(1, all.count) - 1) / max(1, points) + 1
        guard size > 1 else { return all }
        return stride(from: 0, to: all.count, by: size).map { start in
            all[start..<min(start + size, all.count)].dropFirst().reduce(into: all[start]) { joined, next in
                joined.time = next.time
                if let lag = next.lag { joined.lag = max(joined.lag ?? 0, lag) }
                joined.bytesPerSecond = max(joined.bytesPerSecond, next.bytesPerSecond)
                joined.recordsPerSecond = max(joined.recordsPerSecond, next.recordsPerSecond)
                if let latency = next.latency { joined.latency = max(joined.latency ?? 0, latency) }
            }
        }
    }

    /// Flows that are remembered, by name.
    public var flows: [String] {
        state.withLock { $0.series.keys.filter { $0.topic == nil }.map(\.flow).sorted() }
    }

    /// Topics of a flow that are remembered, by name.
    public func topics(of flow: String) -> [String] {
        state.withLock { $0.series.keys.filter { $0.flow == flow }.compactMap(\.topic).sorted() }
    }
}
