/// What becomes of one source batch, and why.
package enum BatchPlan: Hashable, Sendable {
    /// The whole batch stays behind.
    case skip(SkipReason)
    /// The batch goes on as it is, but for its header.
    case forward
    /// The batch is taken apart and put together again.
    case rewrite(RewriteReason)
}
