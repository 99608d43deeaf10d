import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools

/// Copies that another program has made, and their adoption.
extension Replicated {
    static let adopted = "east.orders"

    func adopt(
        _ edit: (inout FlowSettings) -> Void = { _ in }, options: (inout Adoption.Options) -> Void = { _ in },
        progress: @escaping @Sendable (AdoptionProgress) -> Void = { _ in }
    ) async throws -> AdoptionReport {
        var chosen = Adoption.Options()
        options(&chosen)
        return try await Adoption(
            flow(edit).settings, options: chosen, owner: "test", eventLoops: [group.next()],
            logger: Self.quiet, wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
        ).run(progress: progress)
    }

    func createCopy(
        _ topic: String = Self.adopted, partitions: Int32 = 1, configs: [String: String] = [:]
    ) async throws {
        let new = NewTopic(topic, partitions: partitions, replicationFactor: 1, configs: configs)
        for (_, outcome) in await targetClient.createTopics([new]) { _ = try outcome.get() }
    }

    /// Copies these in batches of their own.
    func copyByHand(_ batches: [Range<Int>], to topic: String = Self.adopted, partition: Int32 = 0) async throws {
        for numbers in batches {
            try await produce(numbers, to: topic, partition: partition, client: targetClient)
        }
    }

    /// An adoption that dies while the target has its `number`th request to append to a topic, counted from 0: before that
    /// is handled, or when it was.
    func adoptUntilKilled(
        at number: Int, of topic: String, isHandled: Bool,
        _ edit: @escaping @Sendable (inout FlowSettings) -> Void = { _ in },
        options: @escaping @Sendable (inout Adoption.Options) -> Void = { _ in }
    ) async throws -> AdoptionReport? {
        if number > 0 { target.intercept(.produce, times: number, topic: topic, .delay(.zero)) }
        target.intercept(.produce, times: 1, topic: topic, isHandled ? .drop : .delay(.seconds(600)))
        defer { target.removeInterceptions() }
        return try await withThrowingTaskGroup(of: AdoptionReport?.self) { tasks in
            tasks.addTask { try await adopt(edit, options: options) }
            tasks.addTask {
                while !target.waitingInterceptions.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
                return nil
            }
            defer { tasks.cancelAll() }
            return try await tasks.next() ?? nil
        }
    }
}
