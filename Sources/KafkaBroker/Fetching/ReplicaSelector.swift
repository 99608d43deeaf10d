import KafkaWire
import NIOCore

/// The choice of the replica that a consumer reads from (KIP-392; Kafka's `ReplicaSelector`).
package enum ReplicaSelector: Sendable {
    /// A replica in the consumer's rack, else the leader (Kafka's `RackAwareReplicaSelector`).
    case rackAware

    /// The selector that the settings name; nil without one, and for Kafka's `LeaderSelector`: both mean the leader.
    init?(_ configs: ConfigStore) throws(BrokerError) {
        let name = configs.value(of: "replica.selector.class")?.trimmed ?? ""
        switch name.split(separator: ".").last.map(String.init) {
        case nil: return nil
        case "LeaderSelector" where Self.isKnown(name, "LeaderSelector"): return nil
        case "RackAwareReplicaSelector" where Self.isKnown(name, "RackAwareReplicaSelector"): self = .rackAware
        default:
            throw .invalidSettings(
                "replica.selector.class: \"\(name)\" cannot be loaded here; the selectors of this broker are "
                    + "\(Self.package)RackAwareReplicaSelector and \(Self.package)LeaderSelector")
        }
    }

    private static let package = "org.apache.kafka.common.replica."

    private static func isKnown(_ name: some StringProtocol, _ simpleName: String) -> Bool {
        name == simpleName || name == package + simpleName
    }

    /// A replica as the leader sees it.
    package struct Candidate: Hashable, Sendable {
        package let node: Int32
        package let rack: String?
        package let logEndOffset: Int64

        package init(node: Int32, rack: String?, logEndOffset: Int64) {
            self.node = node
            self.rack = rack
            self.logEndOffset = logEndOffset
        }
    }

    /// The follower that a consumer in `rack` is sent to; nil when it stays at the leader.
    ///
    /// Of several in the rack the most caught-up one is taken, and of equals the one with the highest id.
    package func follower(in rack: String, leader: Candidate, followers: [Candidate]) -> Int32? {
        guard !rack.isEmpty, leader.rack != rack else { return nil }
        return followers.filter { $0.rack == rack }
            .max { ($0.logEndOffset, $0.node) < ($1.logEndOffset, $1.node) }?.node
    }
}

extension Cluster {
    /// The follower that a consumer is sent to instead of being answered; nil when the node that it asks serves it.
    ///
    /// Only the leader sends consumers away, and only to replicas in the ISR whose log holds the offset: one that lags
    /// would be named again and again. A consumer that names no rack stays.
    func preferredReadReplica(
        of partition: Partition, at node: Node, for request: FetchRequest, offset: Int64
    ) -> Int32? {
        guard let replicaSelector, !request.rackID.isEmpty, request.isFromConsumer, partition.leader == node.id,
            (partition.log.logStartOffset...partition.log.logEndOffset).contains(offset)
        else { return nil }
        // Nodes share the log, so every follower in the ISR reaches as far as the leader.
        func candidate(_ id: Int32) -> ReplicaSelector.Candidate {
            ReplicaSelector.Candidate(
                node: id, rack: self.node(id)?.rack, logEndOffset: partition.log.logEndOffset)
        }
        let followers = partition.isr.filter { $0 != partition.leader }
        return replicaSelector.follower(
            in: request.rackID, leader: candidate(partition.leader), followers: followers.map(candidate))
    }
}

extension FetchRequest {
    /// False when a follower asks, to replicate.
    fileprivate var isFromConsumer: Bool { replicaID < 0 && replicaState.replicaID < 0 }
}

extension Partition {
    /// The leader's answer to a consumer that it sends to a follower: how far the log reaches, and no records.
    func redirected(to replica: Int32, isCommittedOnly: Bool) -> FetchResponse.PartitionData {
        var data = FetchResponse.PartitionData()
        data.partitionIndex = index
        data.highWatermark = log.highWatermark
        data.lastStableOffset = log.lastStableOffset
        data.logStartOffset = log.logStartOffset
        data.abortedTransactions = isCommittedOnly ? [] : nil
        data.records = RecordBytes(ByteBuffer())
        data.preferredReadReplica = replica
        return data
    }
}
