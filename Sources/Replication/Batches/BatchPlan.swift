/// Treatment of one source batch, with the reason.
package enum BatchPlan: Hashable, Sendable {
    /// The whole batch stays behind.
    case skip(SkipReason)
    /// The batch is copied as it is, but for its header.
    case forward
    /// The batch is taken apart and put together again.
    case rewrite(RewriteReason)
}
