/// Renders a registry in Prometheus' text exposition format 0.0.4.
public enum PrometheusText {
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    public static func render(_ registry: MetricsRegistry) -> String {
        var text = ""
        var family = ""
        for (key, instrument) in registry.all {
            // An unknown value has no sample: sums over the known ones stay right.
            if case .value(let value) = instrument, value.current.isNaN { continue }
            if key.name != family {
                family = key.name
                text += header(of: key.name, instrument)
            }
            switch instrument {
            case .value(let value): text += "\(key.name)\(braced(key.labels)) \(number(value.current))\n"
            case .histogram(let histogram): text += render(histogram.reading, key)
            }
        }
        return text
    }

    /// Scalar by scalar: a character may be a quotation mark or a line feed with something behind it.
    static func escaped(_ label: String) -> String {
        var result = ""
        for scalar in label.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            // Not an escape of the format, but some readers end a line here.
            case "\r": result += "\\\\r"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func header(of name: String, _ instrument: MetricsRegistry.Instrument) -> String {
        let entry = MetricCatalog.entry(name)
        let kind: MetricCatalog.Kind =
            if let entry { entry.kind } else if case .histogram = instrument { .histogram } else { .gauge }
        let help = entry.map { "# HELP \(name) \($0.help)\n" } ?? ""
        return help + "# TYPE \(name) \(kind.rawValue)\n"
    }

    private static func render(_ reading: HistogramInstrument.Reading, _ key: MetricsRegistry.Key) -> String {
        var text = ""
        let prefix = key.labels.isEmpty ? "" : key.labels + ","
        for (bound, count) in zip(HistogramInstrument.buckets, reading.cumulative) {
            text += "\(key.name)_bucket{\(prefix)le=\"\(number(bound))\"} \(count)\n"
        }
        text += "\(key.name)_bucket{\(prefix)le=\"+Inf\"} \(reading.count)\n"
        text += "\(key.name)_sum\(braced(key.labels)) \(reading.sumSeconds)\n"
        text += "\(key.name)_count\(braced(key.labels)) \(reading.count)\n"
        return text
    }

    private static func braced(_ labels: String) -> String {
        labels.isEmpty ? "" : "{\(labels)}"
    }

    private static func number(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return "\(whole)" }
        return "\(value)"
    }
}
