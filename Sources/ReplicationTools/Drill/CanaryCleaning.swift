public import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
internal import Replication

/// Removes the traces of a drill on existing clusters: its topic, its group, and its flows' progress and groups.
public enum CanaryCleaning {
    /// - Returns: what could not be removed, in words; empty when nothing is left.
    public static func clean(
        _ clusters: [ClusterSettings], topic: String, group: String, flows: [String], eventLoop: any EventLoop,
        logger: Logger
    ) async -> [String] {
        var left: [String] = []
        for settings in clusters {
            let client = ClusterClient(settings, eventLoop: eventLoop, logger: logger)
            let names = [topic] + flows.map { ProgressTopic.name(flow: $0) }
            for (name, outcome) in await client.deleteTopics(names) {
                if case .failure(let error) = outcome, error.code != .unknownTopicOrPartition {
                    left.append("topic \(name) on \(settings.name): \(error)")
                }
            }
            for (name, outcome) in await client.deleteGroups([group] + flows.map { InstanceGroup(flow: $0).name }) {
                if case .failure(let error) = outcome, error.code != .groupIDNotFound {
                    left.append("group \(name) on \(settings.name): \(error)")
                }
            }
            await client.close()
        }
        return left
    }
}
