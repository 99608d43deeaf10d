extension BinaryInteger {
    /// The number with its noun: `1 partition`, `2 partitions`.
    ///
    /// - Parameter plural: of a noun that does not end with `s` then.
    package func counted(_ noun: String, _ plural: String? = nil) -> String {
        "\(self) \(self == 1 ? noun : plural ?? noun + "s")"
    }
}
