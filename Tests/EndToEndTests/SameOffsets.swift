import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// Copies with the offsets of their source, as tests of tools look at them.
extension Replicated {
    /// Values of a partition's records, by offset, and where its log ends.
    struct Log: Equatable {
        var records: [Int64: String]
        var end: Int64
    }

    func log(_ topic: String, at client: ClusterClient) async throws -> Log {
        let records = try await StateTopic(topic, client: client).readAll()
        let partition = TopicPartition(topic, 0)
        return Log(
            records: Dictionary(records.map { ($0.offset, $0.value.map { String(buffer: $0) } ?? "null") }) { $1 },
            end: try await client.offsets([partition: .latest])[partition]?.get().offset ?? -1)
    }

    /// Lone markers, as transactions leave them.
    func mark(_ topic: String, count: Int = 1, at client: ClusterClient) async throws {
        let broker = try #require(try await client.metadata(.all).topics[topic]?.partitions[0]?.leader)
        let outcomes = await client.writeMarkers(
            [TopicPartition(topic, 0): MarkerRun(producer: ProducerIdentity(id: 4_000, epoch: 0), count: count)],
            at: broker)
        #expect(outcomes[TopicPartition(topic, 0)] == .written)
    }

    func sameOffsets(_ topic: String, _ copy: String) async throws {
        try await eventually("\(topic) and its copy to be the same, offset by offset") {
            try await log(topic, at: sourceClient) == log(copy, at: targetClient)
        }
    }

    /// A topic on the target, as another program creates it.
    func createCopy(_ topic: String) async throws {
        let new = NewTopic(topic, partitions: 1, replicationFactor: 1)
        for (_, outcome) in await targetClient.createTopics([new]) { _ = try outcome.get() }
    }

    func adoption(
        _ flow: Flow, options: (inout Adoption.Options) -> Void = { _ in }
    ) async throws -> AdoptionReport {
        var chosen = Adoption.Options()
        options(&chosen)
        return try await Adoption(
            await flow.settings, options: chosen, owner: "test", eventLoops: [group.next()], logger: Self.quiet,
            wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
        ).run()
    }
}
