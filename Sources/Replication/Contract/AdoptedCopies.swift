/// Records that copies made by another program had twice, or not at all, when a flow adopted them.
public struct AdoptedCopies: Hashable, Sendable, Codable {
    /// Target records that are the further copy of one.
    public var doubled: Int64
    /// Source records that the copies lack, and that were left out.
    public var missing: Int64
    /// Source records that the copies lacked, and that were appended behind them, out of place.
    public var filled: Int64

    package init(doubled: Int64, missing: Int64, filled: Int64) {
        self.doubled = doubled
        self.missing = missing
        self.filled = filled
    }
}
