import KafkaBroker
import KafkaClient
import Replication
import Testing

/// What the log of a flow says of an outage: each trouble once when it begins, once when it is over.
@Suite(.serialized, .timeLimit(.minutes(5))) struct OutageTests {
    private static let ends = [
        "broker cannot be used, trying again": "broker can be used again",
        "discovery failed, trying again": "discovery works again",
        "metadata cannot be kept in step, trying again": "metadata is kept in step again",
        "groups cannot be looked at, trying again": "groups can be looked at again",
        "cannot record progress, trying again": "progress is recorded again",
        "this instance is no member of its group: it gives up its partitions, and writes nothing":
            "this instance is a member of its group again",
        "cannot find out where records come from, trying again": "it can be found out again where records come from",
    ]

    /// A cluster is silent first and gone then, so that attempts fail in several ways.
    @Test(arguments: [true, false]) func `each trouble begins once and ends once, however it shows`(
        isSource: Bool
    ) async throws {
        let lines = LogLines()
        try await Replicated.run { world in
            let topics = (0..<5).map { "orders-\($0)" }
            for topic in topics { try await world.createTopic(topic, partitions: 2) }
            for group in 0..<5 {
                let positions = Dictionary(
                    uniqueKeysWithValues: topics.map { (TopicPartition($0, 0), CommittedOffset(offset: 3)) })
                for outcome in await world.sourceClient.commitOffsets(of: "group \(group)", positions).values {
                    try outcome.get()
                }
            }
            let flow = try world.flow(logger: lines.logger) {
                for cluster in [\FlowSettings.source, \FlowSettings.target] {
                    $0[keyPath: cluster].requestTimeout = .seconds(2)
                    $0[keyPath: cluster].operationTimeout = .seconds(3)
                }
            }
            let away = isSource ? world.source : world.target
            try await world.running(flow) {
                for topic in topics { try await world.produce(0..<10, to: topic) }
                try await world.caughtUp(flow, records: 50)
                try await eventually("the groups to be in step") { await flow.status().groups.count == 5 }
                // On its way while the target is away.
                if !isSource { for topic in topics { try await world.produce(10..<20, to: topic) } }
                try await away.freeze(node: 1)
                try await eventually("silence to be noticed everywhere") {
                    let status = await flow.status()
                    // Without its group it does nothing that could fail.
                    guard isSource else { return status.membership?.state == .lost }
                    return status.reason != nil && status.groupsReason != nil
                        && lines.count("metadata cannot be kept in step, trying again") > 0
                }
                try await away.stop(node: 1)
                try await eventually("attempts to fail in another way") {
                    let status = await flow.status()
                    guard isSource else { return status.membership?.state == .lost }
                    return [status.reason, status.groupsReason].allSatisfy { $0?.contains("refused") == true }
                }
                try await away.start(node: 1)
                for topic in topics { try await world.produce(20..<30, to: topic) }
                try await world.caughtUp(flow, records: isSource ? 100 : 150)
                for (beginning, end) in Self.ends where lines.count(beginning) > 0 {
                    try await eventually("\"\(end)\"") { lines.count(end) > 0 }
                }
            }
        }
        let told = lines.troubles
        #expect(Set(told).count == told.count, "\(told)")
        #expect(told.allSatisfy { Self.ends[$0] != nil }, "\(told)")
        for (beginning, end) in Self.ends { #expect(lines.count(beginning) == lines.count(end), "\(end)") }
        #expect(told.count >= (isSource ? 4 : 2), "\(told)")
    }
}
