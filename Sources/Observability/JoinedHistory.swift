/// Histories of a subject at several instances, as one: each has its part of the flow, and samples at its own times.
package struct JoinedHistory {
    /// The time between two samples of an instance, in milliseconds, at least.
    private static let shortestStep: Int64 = 5_000
    /// Times that are plausible, in milliseconds since 1970: they come from elsewhere.
    private static let times: ClosedRange<Int64> = 0...10_000_000_000_000

    private let histories: [[History.Sample]]

    package init(_ histories: [[History.Sample]]) {
        let plausible = histories.map { $0.filter { Self.times.contains($0.time) } }
        let newest = plausible.compactMap { $0.last?.time }.max() ?? 0
        self.histories = plausible.map { $0.filter { newest - $0.time <= History.span && $0.time <= newest } }
            .filter { !$0.isEmpty }
    }

    /// Oldest first: rates and lags are sums, latencies the longest. A lag is known where that of each part is.
    package var samples: [History.Sample] {
        guard histories.count > 1 else { return histories.first ?? [] }
        let step = histories.map(Self.step).max() ?? Self.shortestStep
        var sums: [Int64: History.Sample] = [:]
        for history in histories {
            for (place, sample) in Self.filled(Self.thinned(history, step)) {
                guard var sum = sums[place] else {
                    sums[place] = sample
                    continue
                }
                sum.time = max(sum.time, sample.time)
                sum.bytesPerSecond += sample.bytesPerSecond
                sum.recordsPerSecond += sample.recordsPerSecond
                sum.lag = sum.lag.flatMap { lag in sample.lag.map { lag + $0 } }
                sum.latency = [sum.latency, sample.latency].compactMap(\.self).max()
                sums[place] = sum
            }
        }
        return sums.sorted { $0.key < $1.key }.map(\.value)
    }

    private static func step(of history: [History.Sample]) -> Int64 {
        guard let first = history.first, let last = history.last, history.count > 1 else { return shortestStep }
        return max(shortestStep, (last.time - first.time) / Int64(history.count - 1))
    }

    /// One sample for each step, with the largest values.
    private static func thinned(_ history: [History.Sample], _ step: Int64) -> [Int64: History.Sample] {
        history.reduce(into: [:]) { thinned, next in
            let place = next.time / step
            guard var sample = thinned[place] else {
                thinned[place] = next
                return
            }
            sample.time = max(sample.time, next.time)
            sample.lag = [sample.lag, next.lag].compactMap(\.self).max()
            sample.bytesPerSecond = max(sample.bytesPerSecond, next.bytesPerSecond)
            sample.recordsPerSecond = max(sample.recordsPerSecond, next.recordsPerSecond)
            sample.latency = [sample.latency, next.latency].compactMap(\.self).max()
            thinned[place] = sample
        }
    }

    /// Steps in which an instance happened to have no sample take that of the step before: else the sum would have holes.
    private static func filled(_ history: [Int64: History.Sample]) -> [Int64: History.Sample] {
        var filled = history
        for (place, sample) in history where history[place + 1] == nil && history[place + 2] != nil {
            filled[place + 1] = sample
        }
        return filled
    }
}

extension HistoryDocument {
    /// Subjects of other instances that are taken in.
    private static let subjectLimit = 10_000

    /// The same document about flows as wholes.
    ///
    /// - Parameter others: what the other instances have answered.
    func joined(with others: [HistoryDocument]) -> HistoryDocument {
        guard !others.isEmpty else { return self }
        var order: [History.Subject] = []
        var histories: [History.Subject: [[History.Sample]]] = [:]
        for series in ([self] + others).flatMap(\.series) {
            let subject = History.Subject(flow: series.flow, topic: series.topic)
            if histories[subject] == nil {
                guard order.count < Self.subjectLimit else { continue }
                order.append(subject)
            }
            histories[subject, default: []].append(series.samples)
        }
        return HistoryDocument(
            series: order.map {
                Series(flow: $0.flow, topic: $0.topic, samples: JoinedHistory(histories[$0] ?? []).samples)
            })
    }
}
