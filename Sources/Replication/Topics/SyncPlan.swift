/// Actions that make the target's metadata follow the source's, in the order in which they are done.
package struct SyncPlan: Sendable {
    package var actions: [SyncAction] = []
    package var notes: [SyncNote] = []
    /// Changes of memory alone: values that both sides agree on, or that nobody wants any more.
    package var bookkeeping: [LedgerChange] = []

    package var isEmpty: Bool { actions.isEmpty }

    mutating func append(_ other: SyncPlan) {
        actions += other.actions
        notes += other.notes
        bookkeeping += other.bookkeeping
    }
}
