/// Bytes that opening a log took out of it, since the first of them do not hold.
package struct RecoveryFinding: Hashable, Sendable {
    /// An unfinished write, which is dropped; otherwise damage, and the bytes are kept beside the log.
    package let isTorn: Bool
    /// End of the log now.
    package let offset: Int64
    package let file: String
    package let position: Int
    package let bytes: Int

    package var text: String {
        isTorn
            ? "an unfinished write at the log's end is dropped"
            : "the log is damaged and ends before the damage; what followed is kept in files that end in -damaged"
    }
}
