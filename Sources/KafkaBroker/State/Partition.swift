import KafkaWire

/// A partition as the cluster sees it: who leads it, who may, its log, and the fetches that wait for it to grow.
///
/// The nodes of an embedded cluster share one log per partition, so followers never lag: the ISR is the replicas
/// whose nodes are live, and the high watermark is the end of the log.
final class Partition {
    let topic: String
    let topicID: KafkaUUID
    let index: Int32
    var replicas: [Int32]
    var isr: [Int32]
    /// -1 while no replica in the ISR is live.
    var leader: Int32
    var leaderEpoch: Int32
    let log: PartitionLog
    /// The end of the log when a replica fell out of the ISR: all that it has, should it have to lead.
    var replicatedEnds: [Int32: Int64] = [:]
    private var waiters: [ObjectIdentifier: any PartitionWaiter] = [:]

    init(topic: Topic, assignment: PartitionAssignment, log: PartitionLog) {
        self.topic = topic.name
        topicID = topic.id
        index = assignment.index
        replicas = assignment.replicas
        isr = assignment.isr
        leader = assignment.leader
        leaderEpoch = assignment.leaderEpoch
        self.log = log
    }

    var assignment: PartitionAssignment {
        PartitionAssignment(index: index, replicas: replicas, isr: isr, leader: leader, leaderEpoch: leaderEpoch)
    }

    func addWaiter(_ waiter: any PartitionWaiter) {
        waiters[ObjectIdentifier(waiter)] = waiter
    }

    func removeWaiter(_ waiter: any PartitionWaiter) {
        waiters[ObjectIdentifier(waiter)] = nil
    }

    /// Tells those who wait that `bytes` more can be read.
    func grew(by bytes: Int) {
        guard !waiters.isEmpty else { return }
        for waiter in Array(waiters.values) { waiter.partitionGrew(by: bytes) }
    }

    /// Tells those who wait that the partition changed in another way: a new leader, a new start, or its end.
    func changed() {
        guard !waiters.isEmpty else { return }
        for waiter in Array(waiters.values) { waiter.partitionChanged() }
    }
}

/// The replicas that hold a partition.
struct PartitionAssignment: Hashable {
    var index: Int32
    var replicas: [Int32]
    var isr: [Int32]
    var leader: Int32
    var leaderEpoch: Int32
}

/// Something that waits until a partition grows.
protocol PartitionWaiter: AnyObject {
    func partitionGrew(by bytes: Int)
    func partitionChanged()
}
