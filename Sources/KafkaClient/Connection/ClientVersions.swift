package import KafkaWire

/// The requests that this client sends, each with the versions in which it does; `Docs/Protocol.md` shows them.
///
/// A connection uses none outside of these. A call may narrow them further, where it needs a field that only some
/// versions have.
package enum ClientVersions {
    package static let sent: [ApiKey: ClosedRange<Int16>] = [
        // Before version 3 there were no record batches; from 13 on topics go by id alone.
        .produce: 3...13,
        // Before version 4 there were no record batches.
        .fetch: 4...17,
        // Version 0 answers with a list of segments.
        .listOffsets: 1...11,
        // Before version 4 asking for a topic could create it.
        .metadata: 4...13,
        // Before version 2 offsets were kept elsewhere; from 10 on topics go by id alone.
        .offsetCommit: 2...10,
        // Before version 2 they could not all be asked for; from 10 on those of topics that are gone are not told.
        .offsetFetch: 2...9,
        // Version 0 knows groups only.
        .findCoordinator: 1...6,
        // Asked for permissions only: before version 3 it does not tell them, and version 6 has none for a group that does
        // not exist.
        .describeGroups: 3...5,
        // Before these versions a member has no name of its own that outlasts it (KIP-345).
        .joinGroup: 5...9,
        .syncGroup: 3...5,
        .heartbeat: 3...4,
        .leaveGroup: 3...5,
        .listGroups: 0...5,
        .saslHandshake: 1...1,
        .apiVersions: 0...5,
        .createTopics: 1...7,
        .deleteTopics: 0...6,
        .deleteRecords: 0...2,
        .initProducerId: 0...5,
        // Up to version 2 (Kafka 2.2) asking took the right to ClusterAction.
        .offsetForLeaderEpoch: 2...4,
        // Version 2 would check epochs more strictly if it named a transaction version of 2; ours is 0.
        .writeTxnMarkers: 1...2,
        // Version 0 would tell only of literal names, and not say so.
        .describeAcls: 1...3,
        .createAcls: 0...3,
        .deleteAcls: 0...3,
        // Version 0 does not tell where a value comes from.
        .describeConfigs: 1...4,
        .alterConfigs: 0...2,
        .describeLogDirs: 0...5,
        .saslAuthenticate: 0...2,
        .createPartitions: 0...3,
        .deleteGroups: 0...2,
        .incrementalAlterConfigs: 0...1,
        .describeClientQuotas: 0...1,
        .alterClientQuotas: 0...1,
        .describeUserScramCredentials: 0...0,
        .describeCluster: 0...2,
        .describeProducers: 0...0,
        .describeShareGroupOffsets: 0...1,
        .alterShareGroupOffsets: 0...0,
    ]

    /// The versions in which a request may be sent, within `bounds`: those of the table, or all that are defined.
    static func range<Request: KafkaRequest>(
        of request: Request.Type, within bounds: ClosedRange<Int16>?
    ) -> ClosedRange<Int16> {
        let known = sent[Request.apiKey] ?? Request.versions.range
        guard let bounds else { return known }
        precondition(known.overlaps(bounds), "\(Request.apiKey) is never sent in versions \(bounds)")
        return bounds.clamped(to: known)
    }
}
