/// Numbers as people read them.
enum Quantity {
    /// `950`, `12.3 k`, `4.56 M`: three digits.
    static func count(_ value: Int64) -> String {
        scaled(Double(value), by: 1000, units: ["", " k", " M", " G", " T"])
    }

    /// `950 B`, `12.3 kB`, `4.56 MB`: powers of 1000.
    static func bytes(_ value: Int64) -> String {
        scaled(Double(value), by: 1000, units: [" B", " kB", " MB", " GB", " TB"])
    }

    private static func scaled(_ value: Double, by factor: Double, units: [String]) -> String {
        var value = value
        var unit = 0
        while abs(value) >= factor, unit < units.count - 1 {
            value /= factor
            unit += 1
        }
        guard unit > 0 else { return "\(Int64(value))\(units[0])" }
        let places = value >= 100 ? 1.0 : value >= 10 ? 10.0 : 100.0
        let rounded = (value * places).rounded() / places
        let text = places == 1 ? "\(Int64(rounded))" : "\(rounded)"
        return text + units[unit]
    }
}
