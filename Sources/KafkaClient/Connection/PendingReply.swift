/// The answer to a request that is on its way. Waiting for it is optional; an answer that nobody waits for is dropped.
public struct PendingReply<Response: Sendable>: Sendable {
    let slot: Promise<Response, KafkaError>
    let cancelled: KafkaError

    /// The answer, on the caller's executor. To be awaited by one task only.
    ///
    /// - Throws: what failed, named with cluster and broker; cancelling the task ends the waiting, not the request.
    public nonisolated(nonsending) func value() async throws(KafkaError) -> Response {
        try await slot.value(cancelled: cancelled)
    }
}
