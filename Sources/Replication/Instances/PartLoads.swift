package import NIOCore

/// Traffic of the parts that an instance has, smoothed: the weights that parts are divided by.
///
/// A part's load is its bytes per second, with each request counted as so many bytes more: many small batches cost as
/// much as few large ones.
package struct PartLoads: Sendable {
    /// Counted since a part was begun with here.
    package struct Counters: Hashable, Sendable {
        package var bytes: Int64
        package var requests: Int64

        package init(bytes: Int64, requests: Int64) {
            self.bytes = bytes
            self.requests = requests
        }
    }

    /// Traffic of all parts together.
    package struct Traffic: Hashable, Sendable {
        package var bytesPerSecond: Double
        package var requestsPerSecond: Double

        package init(bytesPerSecond: Double, requestsPerSecond: Double) {
            self.bytesPerSecond = bytesPerSecond
            self.requestsPerSecond = requestsPerSecond
        }

        package var load: Double { bytesPerSecond + requestsPerSecond * PartLoads.requestBytes }
    }

    /// Bytes that take about as long as what a batch costs whatever its size.
    package static let requestBytes = 16_384.0
    /// Time after which what was measured counts half.
    private static let smoothing = 30.0
    /// Time of measuring after which something is known of a part.
    private static let leastTime = 5.0

    private struct Measured {
        var last: Counters
        var bytes = 0.0
        var requests = 0.0
        /// Share of the two that was measured; the rest of it is the zero that they began with.
        var share = 0.0
        var time = 0.0
    }

    private var parts: [FlowPart: Measured] = [:]
    private var measured: NIODeadline?

    package init() {}

    /// Takes in the counters of everything that the instance has. Parts that are not among them any more are forgotten.
    package mutating func measure(_ counters: [FlowPart: Counters], at now: NIODeadline) {
        let seconds = measured.map { Double((now - $0).nanoseconds) / 1e9 } ?? 0
        guard measured == nil || seconds > 0 else { return }
        measured = now
        let part = seconds / (Self.smoothing / 0.6931 + seconds)
        var next: [FlowPart: Measured] = [:]
        next.reserveCapacity(counters.count)
        for (key, counter) in counters {
            // Counters that went back belong to a part that was given away and taken again.
            guard var known = parts[key], counter.bytes >= known.last.bytes, counter.requests >= known.last.requests
            else {
                next[key] = Measured(last: counter)
                continue
            }
            known.bytes += (Double(counter.bytes - known.last.bytes) / seconds - known.bytes) * part
            known.requests += (Double(counter.requests - known.last.requests) / seconds - known.requests) * part
            known.share += (1 - known.share) * part
            known.time += seconds
            known.last = counter
            next[key] = known
        }
        parts = next
    }

    /// Nil while too little was measured of the part.
    package func load(of part: FlowPart) -> Double? {
        guard let known = parts[part], known.time >= Self.leastTime, known.share > 0 else { return nil }
        return (known.bytes + known.requests * Self.requestBytes) / known.share
    }

    package var traffic: Traffic {
        var sum = Traffic(bytesPerSecond: 0, requestsPerSecond: 0)
        for known in parts.values where known.share > 0 {
            sum.bytesPerSecond += known.bytes / known.share
            sum.requestsPerSecond += known.requests / known.share
        }
        return sum
    }
}
