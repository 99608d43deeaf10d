/// The topics whose settings are looked at each time: all of them, or with very many half of them, so that a setting that has
/// changed is seen at the next look or the one after it.
package struct SettingTurns: Sendable {
    /// Place in the list of topics at which the next look begins.
    private var next = 0

    /// Topics that do not take turns.
    package static let all = 1_000
    /// Topics whose settings are in memory at a time.
    static let atOnce = 1_000

    package init() {}

    /// - Parameter count: of topics; it may be another one than the last time.
    package mutating func take(of count: Int) -> Range<Int> {
        guard count > Self.all else { return 0..<count }
        let start = next < count ? next : 0
        let end = min(start + max(Self.all, (count + 1) / 2), count)
        next = end
        return start..<end
    }
}
