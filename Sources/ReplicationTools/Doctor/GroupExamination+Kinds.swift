internal import KafkaClient
internal import KafkaWire
internal import Replication

// Kinds of groups that ask something of the clusters.
extension GroupExamination {
    func kinds(_ selected: [(group: String, kind: GroupKind)]) async -> [Finding] {
        let shared = selected.filter { $0.kind == .share }.map(\.group)
        let streams = selected.filter { $0.kind == .streams }.map(\.group)
        return await share(shared) + self.streams(streams)
    }

    private func share(_ groups: [String]) async -> [Finding] {
        guard let first = groups.first else { return [] }
        let names = Self.names(groups)
        for cluster in [source, target] {
            guard let versions = try? await cluster.brokerVersions() else { continue }
            let isOffered =
                versions.version(of: DescribeShareGroupOffsetsRequest.self) != nil
                && versions.version(of: AlterShareGroupOffsetsRequest.self) != nil
            guard !isOffered else { continue }
            return [
                Finding(
                    .warning, "groups", first,
                    "\(names): share groups, and \(cluster.settings.name) does not tell or take where those begin",
                    why: "their positions are not carried over: on the target they begin where "
                        + "share.auto.offset.reset says",
                    remedy: "set share.auto.offset.reset of the group on \(settings.target.name) before it is used "
                        + "there, or leave the group out with consumerGroups.deny")
            ]
        }
        return [
            Finding(
                .warning, "groups", first, "\(names): share groups, of which start offsets alone are carried over",
                why: GroupFinding.notCarried,
                remedy: "stop the members before they change over, so that nothing behind the start offset is "
                    + "acknowledged, or have them take a record twice")
        ]
    }

    /// The level of `metadata.version` that Kafka 4.2 brings; its patch releases differ in nothing that they tell.
    private static let newestOfKafka42: Int16 = 29

    /// A coordinator of Kafka 4.2.0 that has to load positions which were committed before the group was a streams
    /// group takes it for a classic one, and fails (KAFKA-20254).
    private func streams(_ groups: [String]) async -> [Finding] {
        guard let first = groups.first, let versions = try? await target.brokerVersions(),
            versions.supportedFeatures["metadata.version"]?.upperBound == Self.newestOfKafka42
        else { return [] }
        return [
            Finding(
                .warning, "groups", first,
                "\(Self.names(groups)): streams groups, and \(settings.target.name) runs Kafka 4.2",
                why:
                    "with 4.2.0 the coordinator of a streams group whose positions were committed before its first member "
                    + "came can fail when it is loaded again (KAFKA-20254)",
                remedy: "make sure that the brokers run 4.2.1 or later, which cannot be told from here")
        ]
    }

    private static func names(_ groups: [String]) -> String {
        guard let first = groups.first else { return "" }
        return groups.count > 1 ? "\(first) and \(groups.count - 1) others" : first
    }
}
