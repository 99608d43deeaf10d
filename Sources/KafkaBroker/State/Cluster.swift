import CryptoPrimitives
import KafkaWire
import Logging
import NIOCore

/// The whole state of an embedded cluster, confined to one event loop: nodes, topics, settings, groups.
///
/// All connections of all nodes run on that same loop, so handlers read and change this state directly, without
/// locks or hops. A node is a view of it: which partitions it leads, which connections it has.
final class Cluster {
    let id: String
    /// Says which versions and features hold: `release.level(of: .groups)` is 1 where there are groups of KIP-848.
    let release: BrokerRelease
    let loop: NIOIsolatedEventLoop
    let logger: Logger
    let storage: LogStorage
    /// Nil where everything is kept in memory.
    private let directory: DataDirectory?
    var clock = Clock()
    /// Number of changes of the metadata since the start.
    private(set) var changes: Int64 = 0
    let nodes: [Node]
    let listeners: [SecuredListener]
    var configs: ConfigStore
    var topics: [String: Topic] = [:]
    var topicsByID: [KafkaUUID: Topic] = [:]
    /// Changes with every topic that comes, grows or goes.
    var topicsVersion: UInt64 = 0
    /// Names in use with `.` and `_` made equal.
    var collisionKeys: [String: Int] = [:]
    var journal: ClusterJournal?
    var producerIDs = ProducerIDs()
    var scramCredentials = SCRAMCredentials()
    /// Nil when every client may do everything.
    var authorizer: Authorizer?
    var quotas: ClientQuotas
    /// Nil when consumers read from leaders only.
    let replicaSelector: ReplicaSelector?
    /// ACLs of an earlier run that had an authorizer, kept for a later one.
    private var idleACLs: Set<ACLBinding> = []
    var groups: GroupCoordinator
    var transactions = TransactionCoordinator()
    /// The index of the node on which the next topic's first leader is placed.
    var nextPlacement = 0
    /// Names of topics for which WriteTxnMarkers is refused, as diskless ones are elsewhere.
    var withoutMarkers: Set<String> = []
    /// The compaction in progress.
    var cleaning: ClusterCleaning?
    private var timers: [RepeatedTask] = []
    private(set) var isClosed = false
    let requestMemory: RequestMemory
    let answerMemory: AnswerMemory

    /// Opens the cluster, and what an earlier run left in its data directory.
    init(_ settings: BrokerSettings, loop: NIOIsolatedEventLoop) throws(BrokerError) {
        try BrokerConfigs.validate(settings.properties)
        self.loop = loop
        release = settings.release
        logger = settings.logger
        configs = ConfigStore(properties: settings.properties, release: settings.release)
        requestMemory = RequestMemory(limit: configs.number("queued.max.request.bytes"), loop: loop)
        answerMemory = AnswerMemory(largestFetch: configs.number("fetch.max.bytes"), loop: loop)
        authorizer = try Authorizer(configs)
        quotas = ClientQuotas(configs)
        replicaSelector = try ReplicaSelector(configs)
        let listeners = try SecuredListener.all(settings)
        self.listeners = listeners
        storage = settings.dataDirectory.map { .directory($0, faults: DiskFaults()) } ?? .memory
        let logger = settings.logger
        let directory = try settings.dataDirectory.map { path throws(BrokerError) in
            try DataDirectory(path, logger: logger)
        }
        self.directory = directory
        let earlier = try directory.map { directory throws(BrokerError) in
            try ClusterJournal.load(from: directory, logger: logger)
        }
        let records = earlier?.records ?? []
        id = try Self.identity(records, directory?.identity, settings)
        // A journal without an identity beside it is of a time when nodes began with 1.
        let firstNode = try Self.firstNode(settings, directory?.identity?.firstNode ?? (records.isEmpty ? nil : 1))
        try directory?.identify(as: id, firstNode: firstNode)
        let racks = settings.properties["broker.rack"]?.split(separator: ",").map { String($0.trimmed) } ?? []
        nodes = (0..<settings.nodeCount).map { index in
            Node(
                id: firstNode + Int32(index), index: index, host: listeners[0].definition.host,
                listeners: listeners.count, rack: racks.isEmpty ? nil : racks[index % racks.count],
                logger: settings.logger)
        }
        groups = GroupCoordinator()
        for node in nodes {
            node.isLive = true
            node.fetchSessions = FetchSessionCache(slots: configs.number("max.incremental.fetch.session.cache.slots"))
        }
        try restore(records)
        scramCredentials.set(listeners)
        if let directory, let earlier {
            try sweepLogs(removed: Self.removedTopics(records))
            journal = try ClusterJournal.rewrite(journalSnapshot(), in: directory, after: earlier, logger: logger)
        }
        try loadGroups()
        try loadTransactions()
    }

    private static func identity(
        _ records: [ClusterRecord], _ directory: DirectoryIdentity?, _ settings: BrokerSettings
    ) throws(BrokerError) -> String {
        var stored = directory?.clusterID
        if case .cluster(let journal)? = records.first { stored = journal.clusterID }
        guard let stored else {
            let wanted = settings.clusterID ?? KafkaUUID.random().description
            guard !wanted.isEmpty, !wanted.contains(where: \.isNewline), wanted == String(wanted.trimmed) else {
                throw .invalidSettings("the cluster's id is one line of text without blanks around it")
            }
            return wanted
        }
        if let wanted = settings.clusterID, wanted != stored {
            throw .invalidSettings("the data directory belongs to cluster \(stored), not to \(wanted)")
        }
        return stored
    }

    /// The id of the first node, which the replicas in a data directory are named after.
    private static func firstNode(
        _ settings: BrokerSettings, _ stored: Int32?
    ) throws(BrokerError) -> Int32 {
        let first = settings.firstNodeID ?? stored ?? 1
        guard first >= 0, first <= .max - Int32(settings.nodeCount) else {
            throw .invalidSettings("the first node's id is from 0 on, not \(first)")
        }
        if let stored, stored != first {
            throw .invalidSettings(
                "the data directory belongs to nodes from \(stored) on, not from \(first) on: leave the first "
                    + "node's id out, or name another directory")
        }
        return first
    }

    /// The ids of topics that the journal says are deleted.
    private static func removedTopics(_ records: [ClusterRecord]) -> Set<KafkaUUID> {
        Set(records.compactMap { if case .topicRemoved(let removal) = $0 { removal.topicID } else { nil } })
    }

    /// Brings back topics, configuration and producer ids. Every partition gets a new leader epoch, since what was
    /// written last may be lost.
    private func restore(_ records: [ClusterRecord]) throws(BrokerError) {
        var stored: [KafkaUUID: (topic: TopicRecord, partitions: [Int32: PartitionRecord])] = [:]
        var order: [KafkaUUID] = []
        var topicConfigs: [String: [String: String]] = [:]
        for record in records {
            switch record {
            case .cluster(let identity):
                guard let secret = identity.decoySecret.flatMap(Base64.decode), !secret.isEmpty else { break }
                scramCredentials.decoys = SCRAMDecoys(secret: secret)
            case .topic(let topic):
                stored[topic.topicID] = (topic, [:])
                order.append(topic.topicID)
            case .topicRemoved(let removal):
                if let topic = stored.removeValue(forKey: removal.topicID)?.topic { topicConfigs[topic.name] = nil }
            case .partition(let partition): stored[partition.topicID]?.partitions[partition.index] = partition
            case .config(let config) where config.resourceType == ConfigResource.topic.rawValue:
                topicConfigs[config.resourceName, default: [:]][config.key] = config.value
            case .config(let config) where config.resourceType == ConfigResource.group.rawValue:
                configs.group[config.resourceName, default: [:]][config.key] = config.value
            case .config(let config):
                if let node = Int32(config.resourceName) {
                    configs.dynamic[node, default: [:]][config.key] = config.value
                } else {
                    configs.dynamicDefaults[config.key] = config.value
                }
            case .producerIDs(let ids): producerIDs = ProducerIDs(reserved: ids.next)
            case .scram(let credential): scramCredentials.restore(credential)
            case .acl(let record): restore(record)
            case .quota(let record): quotas.restore(record)
            }
        }
        for id in order {
            guard let (record, partitions) = stored[id] else { continue }
            guard partitions[0] != nil else {
                logger.warning(
                    "a topic whose creation was not finished is left out", metadata: ["topic": "\(record.name)"])
                continue
            }
            let topic = Topic(name: record.name, id: id, overrides: topicConfigs[record.name] ?? [:])
            for index in 0..<Int32(partitions.count) {
                // Those of an unfinished write at the journal's end end before a gap.
                guard let partition = partitions[index] else { break }
                var assignment = PartitionAssignment(
                    index: index, replicas: partition.replicas, isr: partition.isr, leader: partition.leader,
                    leaderEpoch: partition.leaderEpoch)
                elect(&assignment, isNewEpoch: true)
                topic.partitions.append(try reopenPartition(assignment, of: topic))
            }
            register(topic)
        }
        nextPlacement = topics.values.reduce(0) { $0 + $1.partitions.count }
    }

    private func restore(_ record: ACLRecord) {
        guard let binding = record.binding else { return }
        switch (authorizer == nil, record.isDeleted) {
        case (true, true): idleACLs.remove(binding)
        case (true, false): idleACLs.insert(binding)
        case (false, true): authorizer?.remove(binding)
        case (false, false): authorizer?.insert(binding)
        }
    }

    /// The journal that says what holds now.
    private func journalSnapshot() -> [ClusterRecord] {
        var records: [ClusterRecord] = []
        if producerIDs.reserved > 0 { records.append(.producerIDs(ProducerIDRecord(next: producerIDs.reserved))) }
        records += scramCredentials.records
        records += quotas.records
        records += (authorizer?.all ?? Array(idleACLs)).map { .acl(ACLRecord($0)) }
        records += configs.dynamicDefaults.map { .config(.broker("", $0.key, $0.value)) }
        for (node, values) in configs.dynamic {
            records += values.map { .config(.broker(String(node), $0.key, $0.value)) }
        }
        for (group, values) in configs.group { records += values.map { .config(.group(group.text, $0.key, $0.value)) } }
        for topic in topics.values.sorted(by: { $0.name < $1.name }) { records += self.records(of: topic) }
        let identity = ClusterIdentity(
            clusterID: id, snapshotCount: Int64(records.count) + 1, decoySecret: scramCredentials.decoys.text)
        return [.cluster(identity)] + records
    }

    func records(of topic: Topic) -> [ClusterRecord] {
        [.topic(TopicRecord(name: topic.name, topicID: topic.id))]
            + topic.partitions.map { .partition(PartitionRecord($0.assignment, of: topic.id)) }
            + topic.overrides.sorted { $0.key < $1.key }.map { .config(.topic(topic.name, $0.key, $0.value)) }
    }

    /// Starts what happens by itself: retention of records and of committed offsets.
    func startTimers() {
        every(configs.number("log.retention.check.interval.ms")) { [unowned self] in applyRetention() }
        every(Self.flushCheckInterval) { [unowned self] in flushLogs() }
        scheduleCleaning()
        every(configs.number("offsets.retention.check.interval.ms")) { [unowned self] in expireOffsets() }
        every(configs.number("transaction.abort.timed.out.transaction.cleanup.interval.ms")) { [unowned self] in
            abortTimedOutTransactions()
        }
        every(configs.number("transaction.remove.expired.transaction.cleanup.interval.ms")) { [unowned self] in
            expireTransactionalIDs()
        }
    }

    private static let flushCheckInterval = 1000

    /// Looks for logs to compact after `log.cleaner.backoff.ms`, which may change from one time to the next.
    private func scheduleCleaning() {
        let pause = TimeAmount.milliseconds(Int64(configs.number("log.cleaner.backoff.ms")))
        loop.scheduleTask(in: pause) { [weak self] in
            guard let self, !isClosed else { return }
            cleanLogs()
            scheduleCleaning()
        }
    }

    private func every(_ milliseconds: Int, _ action: @escaping () -> Void) {
        let interval = TimeAmount.milliseconds(Int64(milliseconds))
        let bound = NIOLoopBound(action, eventLoop: loop.nonisolated())
        timers.append(
            loop.nonisolated().scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in bound.value() })
    }

    /// Stops timers and closes the logs, flushed; nothing may be asked of the cluster afterwards.
    func close() {
        isClosed = true
        for timer in timers { timer.cancel() }
        timers.removeAll()
        cleaning?.abandon()
        cleaning = nil
        closeGroups()
        transactions.stop()
        for topic in topics.values {
            for partition in topic.partitions { closeLog(of: partition) }
        }
        directory?.release()
    }
}

extension Cluster {
    var liveNodes: [Node] { nodes.filter(\.isLive) }

    /// The lowest live node; -1 without any.
    var controllerID: Int32 { nodes.first(where: \.isLive)?.id ?? -1 }

    func node(_ id: Int32) -> Node? {
        let index = Int(id) - Int(nodes[0].id)
        return nodes.indices.contains(index) ? nodes[index] : nil
    }

    func partition(_ topic: String, _ index: Int32) -> Partition? {
        topics.exactly(topic)?.partition(index)
    }

    func topic(named name: String, orID id: KafkaUUID) -> Topic? {
        id == .zero ? topics.exactly(name) : topicsByID[id]
    }

    /// Writes down changes before they are answered; without a data directory nothing is written.
    func commit(_ records: [ClusterRecord]) throws(BrokerError) {
        try journal?.append(records)
        changes += Int64(records.count)
    }
}

extension KafkaUUID {
    static func random() -> KafkaUUID {
        KafkaUUID(high: .random(in: 1 ... .max), low: .random(in: 0 ... .max))
    }
}

extension PartitionRecord {
    init(_ assignment: PartitionAssignment, of topicID: KafkaUUID) {
        self.init()
        self.topicID = topicID
        index = assignment.index
        replicas = assignment.replicas
        isr = assignment.isr
        leader = assignment.leader
        leaderEpoch = assignment.leaderEpoch
    }
}

extension ConfigRecord {
    static func topic(_ name: String, _ key: String, _ value: String?) -> ConfigRecord {
        ConfigRecord(.topic, name, key, value)
    }

    static func broker(_ name: String, _ key: String, _ value: String?) -> ConfigRecord {
        ConfigRecord(.broker, name, key, value)
    }

    static func group(_ name: String, _ key: String, _ value: String?) -> ConfigRecord {
        ConfigRecord(.group, name, key, value)
    }

    private init(_ type: ConfigResource, _ name: String, _ key: String, _ value: String?) {
        self.init()
        resourceType = type.rawValue
        resourceName = name
        self.key = key
        self.value = value
    }
}

/// The kind of resource that a configuration belongs to, with Kafka's numbers.
enum ConfigResource: Int8 {
    case topic = 2
    case broker = 4
    case group = 32
}
