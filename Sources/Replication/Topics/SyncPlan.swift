/// What has to be done for the target's metadata to follow the source's, in the order in which it is done.
package struct SyncPlan: Sendable {
    package var actions: [SyncAction] = []
    package var notes: [SyncNote] = []
    /// What is to be remembered though nothing changes: values that both sides agree on, or that nobody wants any more.
    package var bookkeeping: [LedgerChange] = []

    package var isEmpty: Bool { actions.isEmpty }

    mutating func append(_ other: SyncPlan) {
        actions += other.actions
        notes += other.notes
        bookkeeping += other.bookkeeping
    }
}
