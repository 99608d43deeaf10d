/// The target brokers that hold up too much memory: they acknowledge nothing, and what is held for them is as much as is left
/// for all others.
///
/// A partition that its target does not take is full before long, and so are all of a broker that is silent. But there may be
/// thousands of those, and each may have brought a batch by then: the broker is looked at as a whole.
package struct SilentTargets: Sendable {
    /// Bytes taken in for each broker since it last acknowledged any.
    private var taken: [Int32: Int] = [:]
    /// Brokers of which nothing more is read.
    package private(set) var silent: Set<Int32> = []

    package init() {}

    package mutating func took(_ bytes: Int, for broker: Int32) {
        taken[broker, default: 0] += bytes
    }

    /// Something that was held for the broker is needed no longer.
    package mutating func acknowledged(by broker: Int32) {
        guard taken[broker] != nil else { return }
        taken[broker] = nil
    }

    /// Looks at the brokers again.
    ///
    /// - Parameters:
    ///   - held: bytes held for each by now.
    ///   - limit: as much as makes a broker silent.
    /// - Returns: those that have become silent, or are not any more.
    package mutating func look(held: [Int32: Int], limit: Int) -> Set<Int32> {
        let before = silent
        // A partition may have gone to another broker with what it holds.
        silent = Set(taken.filter { min($0.value, held[$0.key] ?? 0) >= limit }.keys)
        return before.symmetricDifference(silent)
    }
}
