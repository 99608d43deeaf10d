internal import CPCRE2

/// Bounds on expressions and on matching.
enum Limits {
    /// Bytes of an expression. A compiled one has at most 64 KiB by PCRE2's own bound.
    static let expressionBytes = 16_384
    /// Groups within groups.
    static let nesting: UInt32 = 100
    /// Steps back in one match, of some ten nanoseconds each.
    static let steps: UInt32 = 5_000
    /// Kibibytes that one match may remember its steps in.
    static let heapKibibytes: UInt32 = 4_096
    /// Bytes of a text for the algorithm that reads once: its time grows with them, not its steps.
    static let readOnceBytes = 512
    /// Numbers in which that algorithm keeps the states it is in.
    static let workspace = 4_096

    /// PCRE2's form of the limits for matching; nil when there is no memory for it.
    ///
    /// Never freed, and never changed once it is made: PCRE2 lets threads share a context that is not changed.
    nonisolated(unsafe) static let context: OpaquePointer? = {
        guard let context = pcre2_match_context_create_8(nil) else { return nil }
        pcre2_set_match_limit_8(context, steps)
        pcre2_set_depth_limit_8(context, steps)
        pcre2_set_heap_limit_8(context, heapKibibytes)
        return context
    }()
}
