/// Offsets that a log can have. Numbers in answers and stored records are held against this where they enter, so that
/// arithmetic on them cannot overflow.
public enum LogOffset {
    /// A million records a second reach it after nine years. The sum over 32,767 such partitions is below the largest
    /// `Int64`.
    public static let largest: Int64 = 1 << 48

    /// An offset, or -1 where there is none.
    public static func isPlausible(_ value: Int64) -> Bool { (-1...largest).contains(value) }
}

/// The numbers in a broker's answer about one partition, gone through one by one.
struct NumberCheck {
    /// The first that cannot be true, with its name; nil when there is none.
    private(set) var flaw: String?

    mutating func offset(_ value: Int64, _ name: String) {
        if flaw == nil, !LogOffset.isPlausible(value) { flaw = "\(name) \(value)" }
    }

    /// The same for a single number.
    static func flaw(_ value: Int64, _ name: String) -> String? {
        LogOffset.isPlausible(value) ? nil : "\(name) \(value)"
    }
}

extension Sequence where Element == Int64 {
    /// The sum, or the nearest number that there is: many plausible numbers together may be too large.
    public func saturatingSum() -> Int64 {
        reduce(0) { $0.saturatingAdding($1) }
    }
}

extension Int64 {
    /// The sum, or the nearest number that there is.
    public func saturatingAdding(_ other: Int64) -> Int64 {
        let (sum, isOverflow) = addingReportingOverflow(other)
        return isOverflow ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, or the nearest number that there is.
    public func saturatingSubtracting(_ other: Int64) -> Int64 {
        let (difference, isOverflow) = subtractingReportingOverflow(other)
        return isOverflow ? (other < 0 ? .max : .min) : difference
    }
}
