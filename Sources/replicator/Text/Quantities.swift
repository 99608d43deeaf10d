/// Numbers as people read them.
enum Quantities {
    /// Grouped by thousands: `1 234 567`.
    static func count(_ number: Int64) -> String {
        let digits = String(number.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(" ") }
            text.append(digit)
        }
        return number < 0 ? "-" + text : text
    }

    /// `12.3 MB`.
    static func bytes(_ number: Double) -> String {
        var value = number
        var unit = 0
        let units = ["B", "kB", "MB", "GB", "TB"]
        while value >= 999.5, unit < units.count - 1 {
            value /= 1_000
            unit += 1
        }
        return "\(decimal(value, places: unit == 0 || value >= 99.95 ? 0 : 1)) \(units[unit])"
    }

    /// `250 ms`, `1.5 s`, `3 min`, `5 h`.
    static func seconds(_ number: Double) -> String {
        switch number {
        case ..<0.9995: "\(decimal(number * 1_000, places: number < 0.0995 ? 1 : 0)) ms"
        case ..<120: "\(decimal(number, places: number < 9.95 ? 1 : 0)) s"
        case ..<7_200: "\(decimal(number / 60, places: 0)) min"
        default: "\(decimal(number / 3_600, places: 0)) h"
        }
    }

    private static func decimal(_ value: Double, places: Int) -> String {
        guard places > 0 else { return "\(Int64(value.rounded()))" }
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
