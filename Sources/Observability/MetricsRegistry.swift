public import CoreMetrics
internal import Synchronization

/// Holds every metric of the process and hands out the handlers that record into them.
public final class MetricsRegistry: MetricsFactory {
    struct Key: Hashable, Comparable {
        let name: String
        /// Rendered once: `flow="a",topic="b"`.
        let labels: String

        static func < (left: Key, right: Key) -> Bool {
            (left.name, left.labels) < (right.name, right.labels)
        }
    }

    enum Instrument: Sendable {
        case value(ValueInstrument)
        case histogram(HistogramInstrument)
    }

    private let instruments = Mutex<[Key: Instrument]>([:])

    public init() {}

    /// A copy of the table, for rendering.
    var all: [(key: Key, instrument: Instrument)] {
        instruments.withLock { table in table.map { ($0.key, $0.value) } }.sorted { $0.key < $1.key }
    }

    /// Present value of a counter or gauge; zero before it exists. Labels in the order of ``MetricCatalog``.
    public func value(_ name: String, _ labels: [(String, String)]) -> Double {
        guard case .value(let found) = instruments.withLock({ $0[Self.key(name, labels)] }) else { return 0 }
        return found.current
    }

    /// Sets a metric that is read somewhere else; nil for one that is not known now, and has no sample.
    package func set(_ name: String, _ labels: [(String, String)] = [], to number: Double?) {
        value(name, labels).set(number ?? .nan)
    }

    /// Forgets a metric that nobody has a hold of.
    package func remove(_ name: String, _ labels: [(String, String)]) {
        _ = instruments.withLock { $0.removeValue(forKey: Self.key(name, labels)) }
    }

    /// Time spans observed since the last call with the same arguments; nil while there are none.
    public func latency(_ name: String, _ labels: [(String, String)]) -> (mean: Double, maximum: Double)? {
        guard case .histogram(let found) = instruments.withLock({ $0[Self.key(name, labels)] }) else { return nil }
        let interval = found.takeInterval()
        guard interval.count > 0 else { return nil }
        return (interval.sumSeconds / Double(interval.count), interval.maximumSeconds)
    }

    /// Forgets every series of a subject that is no more, such as a flow. A holder of one of them records in vain.
    public func remove(label: String, value: String) {
        let wanted = Self.rendered([(label, value)])
        instruments.withLock { table in
            table = table.filter { key, _ in
                // A comma outside quotes is between two labels: quotes within values are escaped.
                key.labels != wanted && !key.labels.hasPrefix(wanted + ",") && !key.labels.hasSuffix("," + wanted)
                    && !key.labels.contains("," + wanted + ",")
            }
        }
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        value(label, dimensions)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        value(label, dimensions)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        value(label, dimensions)
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        value(label, dimensions)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let key = Self.key(label, dimensions)
        return instruments.withLock { table in
            if case .histogram(let existing) = table[key] { return existing }
            let created = HistogramInstrument()
            table[key] = .histogram(created)
            return created
        }
    }

    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    private func value(_ label: String, _ dimensions: [(String, String)]) -> ValueInstrument {
        let key = Self.key(label, dimensions)
        return instruments.withLock { table in
            if case .value(let existing) = table[key] { return existing }
            let created = ValueInstrument()
            table[key] = .value(created)
            return created
        }
    }

    private static func key(_ label: String, _ dimensions: [(String, String)]) -> Key {
        Key(name: label, labels: rendered(dimensions))
    }

    private static func rendered(_ dimensions: [(String, String)]) -> String {
        dimensions.map { "\($0.0)=\"\(PrometheusText.escaped($0.1))\"" }.joined(separator: ",")
    }
}

/// One number that goes up, or up and down.
final class ValueInstrument: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler {
    private let number = Mutex<Double>(0)

    var current: Double { number.withLock { $0 } }

    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func increment(by amount: Double) { number.withLock { $0 += amount } }
    func decrement(by amount: Double) { number.withLock { $0 -= amount } }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { number.withLock { $0 = value } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func reset() { set(0.0) }
}
