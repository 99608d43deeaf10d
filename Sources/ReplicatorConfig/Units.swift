/// Numbers of bytes as people write them.
enum ByteCount {
    private static let units: KeyValuePairs = [
        "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 1_000, "KB": 1_000, "MB": 1_000_000,
        "GB": 1_000_000_000, "B": 1,
    ]

    /// Nil for text that is not a whole number with one of the units, or without any.
    static func parse(_ text: String) -> Int? {
        if let plain = Int(text) { return plain }
        guard let unit = units.first(where: { text.hasSuffix($0.key) }),
            let number = Int(text.dropLast(unit.key.count).filter { $0 != " " })
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.value)
        return overflow ? nil : product
    }

    /// With the largest unit of which it is a whole number.
    static func text(_ bytes: Int) -> String {
        let unit = units.filter { bytes > 0 && bytes % $0.value == 0 && $0.value > 1 }.max { $0.value < $1.value }
        return unit.map { "\(bytes / $0.value)\($0.key == "KB" ? "kB" : $0.key)" } ?? "\(bytes)"
    }
}

/// Time spans as people write them.
enum TimeSpan {
    private static let units: KeyValuePairs = [
        "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
    ]

    /// Nil for text that is not a whole number with a unit.
    static func parse(_ text: String) -> Duration? {
        guard let unit = units.first(where: { text.hasSuffix($0.key) }),
            let number = Int(text.dropLast(unit.key.count).filter { $0 != " " }), number >= 0
        else { return nil }
        let (milliseconds, overflow) = number.multipliedReportingOverflow(by: unit.value)
        return overflow ? nil : .milliseconds(milliseconds)
    }

    static func text(_ span: Duration) -> String {
        let milliseconds = span.components.seconds * 1_000 + span.components.attoseconds / 1_000_000_000_000_000
        for unit in units.reversed() where milliseconds % Int64(unit.value) == 0 && milliseconds > 0 {
            return "\(milliseconds / Int64(unit.value))\(unit.key)"
        }
        return "\(milliseconds)ms"
    }
}
