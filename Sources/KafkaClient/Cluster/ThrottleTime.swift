/// The silence that a broker asks for in an answer because of a quota (KIP-219).
public enum ThrottleTime {
    /// Brokers' own limit is a second by default (`quota.window.size.seconds`, one sample), and rarely raised. What
    /// asks for more is obeyed for this long, and may then ask again.
    public static let longest: Int32 = 60_000

    /// The time to be silent for, and whether the broker asked for more than anybody is given.
    public static func bounded(milliseconds: Int32) -> (milliseconds: Int32, isExcessive: Bool) {
        (min(max(0, milliseconds), longest), milliseconds > longest)
    }
}
