/// Search for the first source offset that holds another record than the one that was copied: a log that was restored
/// from an older copy is the same up to one place, and another from there on.
///
/// It halves the range between an offset below which both logs are the same and one from which on they differ. Where
/// nothing can be compared the records count as others: rather twice than not at all.
package struct DivergenceSearch: Hashable, Sendable {
    /// Records below are the same, or were never copied.
    private var low: Int64
    /// The lowest offset known to differ.
    private var high: Int64

    package init(from low: Int64, to high: Int64) {
        self.low = min(low, high)
        self.high = high
    }

    /// Nothing before these offsets can be compared: the logs begin there.
    package mutating func begins(at offset: Int64) {
        low = min(max(low, offset), high)
    }

    /// The pair of records to compare next; nil once the place is found.
    package mutating func next(in map: OffsetMap) -> OffsetSegment.Pair? {
        while low < high {
            let middle = low + (high - low) / 2
            if let pair = map.first(fromSource: middle), pair.source < high { return pair }
            // Nothing from there on was copied: whatever it holds is looked at again.
            high = middle
        }
        return nil
    }

    package mutating func compared(_ pair: OffsetSegment.Pair, isSame: Bool) {
        if isSame {
            low = pair.source + 1
        } else {
            // Nothing between the middle and the pair was copied.
            high = min(pair.source, low + (high - low) / 2)
        }
    }

    /// The first offset that may hold another record, once ``next(in:)`` has no more to ask.
    package var found: Int64 { high }
}
