import KafkaWire

// Which versions of which API each release answers at a client's listener: those of its message definitions, less what it
// calls unstable. What is not implemented here is cut off by the routes.

extension BrokerRelease {
    /// The versions of an API that the release answers; nil where it does not have the API.
    ///
    /// - Parameter unstable: whether those count that the release calls unstable, which Kafka offers with
    ///   `unstable.api.versions.enable`.
    func versions(of api: ApiKey, unstable: Bool = false) -> ClosedRange<Int16>? {
        guard let released = Self.released[api]?.last(where: { $0.since <= self })?.versions else { return nil }
        guard unstable, let newest = Self.unstable[api]?.last(where: { $0.since <= self })?.versions else {
            return released
        }
        return released.lowerBound...newest.upperBound
    }

    /// The versions that releases call unstable, as far as they are defined here.
    private static let unstable: [ApiKey: [Change]] = [.apiVersions: [Change(.kafka43, 5...5)]]

    /// The lowest version that ApiVersions names where it is not the lowest that is answered.
    ///
    /// Kafka 4 names Produce from 0 on for clients that look for old versions to tell what a broker is; it closes the
    /// connection on them all the same.
    func lowestTold(of api: ApiKey) -> Int16? {
        api == .produce && self >= .kafka40 ? 0 : nil
    }

    private struct Change {
        var since: BrokerRelease
        var versions: ClosedRange<Int16>

        init(_ since: BrokerRelease, _ versions: ClosedRange<Int16>) {
            self.since = since
            self.versions = versions
        }
    }

    /// The releases that changed an API's versions, oldest first. 4.0 took old versions back (KIP-896).
    private static let released: [ApiKey: [Change]] = [
        .produce: [Change(.kafka38, 0...11), Change(.kafka40, 3...12), Change(.kafka41, 3...13)],
        .fetch: [Change(.kafka38, 0...16), Change(.kafka40, 4...17), Change(.kafka41, 4...18)],
        .listOffsets: [Change(.kafka38, 0...8), Change(.kafka40, 1...10), Change(.kafka42, 1...11)],
        .metadata: [Change(.kafka38, 0...12), Change(.kafka40, 0...13)],
        .offsetCommit: [Change(.kafka38, 0...9), Change(.kafka40, 2...9), Change(.kafka42, 2...10)],
        .offsetFetch: [Change(.kafka38, 0...9), Change(.kafka40, 1...9), Change(.kafka42, 1...10)],
        .findCoordinator: [Change(.kafka38, 0...5), Change(.kafka40, 0...6)],
        // 4.0.0 had taken versions back that librdkafka needs.
        .joinGroup: [Change(.kafka38, 0...9), Change(.kafka40, 2...9), Change(.kafka41, 0...9)],
        .heartbeat: [Change(.kafka38, 0...4)],
        .leaveGroup: [Change(.kafka38, 0...5)],
        .syncGroup: [Change(.kafka38, 0...5)],
        .describeGroups: [Change(.kafka38, 0...5), Change(.kafka40, 0...6)],
        .listGroups: [Change(.kafka38, 0...5)],
        .saslHandshake: [Change(.kafka38, 0...1)],
        .apiVersions: [Change(.kafka38, 0...3), Change(.kafka40, 0...4)],
        .createTopics: [Change(.kafka38, 0...7), Change(.kafka40, 2...7)],
        .deleteTopics: [Change(.kafka38, 0...6), Change(.kafka40, 1...6)],
        .deleteRecords: [Change(.kafka38, 0...2)],
        .initProducerId: [Change(.kafka38, 0...5)],
        .offsetForLeaderEpoch: [Change(.kafka38, 0...4), Change(.kafka40, 2...4)],
        .addPartitionsToTxn: [Change(.kafka38, 0...5)],
        .addOffsetsToTxn: [Change(.kafka38, 0...4)],
        .endTxn: [Change(.kafka38, 0...4), Change(.kafka40, 0...5)],
        .writeTxnMarkers: [Change(.kafka38, 0...1), Change(.kafka40, 1...1), Change(.kafka42, 1...2)],
        .txnOffsetCommit: [Change(.kafka38, 0...4), Change(.kafka40, 0...5)],
        .describeAcls: [Change(.kafka38, 0...3), Change(.kafka40, 1...3)],
        .createAcls: [Change(.kafka38, 0...3), Change(.kafka40, 1...3)],
        .deleteAcls: [Change(.kafka38, 0...3), Change(.kafka40, 1...3)],
        .describeConfigs: [Change(.kafka38, 0...4), Change(.kafka40, 1...4)],
        .alterConfigs: [Change(.kafka38, 0...2)],
        // This, and what is about delegation tokens, is not offered as 3.8: version 0, which that has, is not defined here.
        .alterReplicaLogDirs: [Change(.kafka40, 1...2)],
        .describeLogDirs: [Change(.kafka38, 0...4), Change(.kafka40, 1...4), Change(.kafka43, 1...5)],
        .saslAuthenticate: [Change(.kafka38, 0...2)],
        .createPartitions: [Change(.kafka38, 0...3)],
        .createDelegationToken: [Change(.kafka40, 1...3)],
        .renewDelegationToken: [Change(.kafka40, 1...2)],
        .expireDelegationToken: [Change(.kafka40, 1...2)],
        .describeDelegationToken: [Change(.kafka40, 1...3)],
        .deleteGroups: [Change(.kafka38, 0...2)],
        .electLeaders: [Change(.kafka38, 0...2)],
        .incrementalAlterConfigs: [Change(.kafka38, 0...1)],
        .alterPartitionReassignments: [Change(.kafka38, 0...0), Change(.kafka41, 0...1)],
        .listPartitionReassignments: [Change(.kafka38, 0...0)],
        .offsetDelete: [Change(.kafka38, 0...0)],
        .describeClientQuotas: [Change(.kafka38, 0...1)],
        .alterClientQuotas: [Change(.kafka38, 0...1)],
        .describeUserScramCredentials: [Change(.kafka38, 0...0)],
        .alterUserScramCredentials: [Change(.kafka38, 0...0)],
        .describeQuorum: [Change(.kafka38, 0...1), Change(.kafka40, 0...2)],
        .updateFeatures: [Change(.kafka38, 0...1), Change(.kafka40, 0...2)],
        .describeCluster: [Change(.kafka38, 0...1), Change(.kafka40, 0...2)],
        .describeProducers: [Change(.kafka38, 0...0)],
        .unregisterBroker: [Change(.kafka38, 0...0)],
        .describeTransactions: [Change(.kafka38, 0...0)],
        .listTransactions: [Change(.kafka38, 0...1), Change(.kafka41, 0...2)],
        .consumerGroupHeartbeat: [Change(.kafka38, 0...0), Change(.kafka40, 0...1)],
        .consumerGroupDescribe: [Change(.kafka38, 0...0), Change(.kafka40, 0...1)],
        .listConfigResources: [Change(.kafka38, 0...0), Change(.kafka41, 0...1)],
        .describeTopicPartitions: [Change(.kafka38, 0...0)],
        ApiKey(rawValue: 77): [Change(.kafka41, 1...1)],
        ApiKey(rawValue: 89): [Change(.kafka42, 0...0)],
        ApiKey(rawValue: 90): [Change(.kafka41, 0...0), Change(.kafka42, 0...1)],
        ApiKey(rawValue: 91): [Change(.kafka41, 0...0)],
        ApiKey(rawValue: 92): [Change(.kafka41, 0...0)],
    ]
}
