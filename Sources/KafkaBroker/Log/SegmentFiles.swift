/// The files of one segment on disk, named after its first offset as Kafka names them.
struct SegmentFiles: Hashable {
    let directory: String
    let baseOffset: Int64
    /// The ending of their names while the segment is not part of the log yet.
    var stage = ""

    var log: String { path(".log") }
    /// Pairs of relative offset and position, both int32.
    var offsetIndex: String { path(".index") }
    /// Pairs of timestamp int64 and relative offset int32.
    var timeIndex: String { path(".timeindex") }
    /// Aborted transactions that end in the segment; only if there are any.
    var transactionIndex: String { path(".txnindex") }

    /// The log first.
    var all: [String] { [log, offsetIndex, timeIndex, transactionIndex] }

    private func path(_ suffix: String) -> String {
        "\(directory)/\(Self.name(baseOffset))\(suffix)\(stage)"
    }

    /// An offset in twenty digits, so that names sort as offsets do.
    static func name(_ offset: Int64) -> String {
        let digits = String(offset)
        return String(repeating: "0", count: max(20 - digits.count, 0)) + digits
    }

    /// The offset that a file name with this suffix stands for.
    static func offset(of name: String, suffix: String) -> Int64? {
        guard name.hasSuffix(suffix) else { return nil }
        let digits = name.dropLast(suffix.count)
        guard digits.count == 20, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        return Int64(digits)
    }
}
