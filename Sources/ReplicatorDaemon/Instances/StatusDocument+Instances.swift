package import Observability
internal import PlainText
internal import Replication

extension StatusDocument {
    /// The other instances of its flows, each once.
    package var otherInstances: [OtherInstance] {
        var seen: Set<String> = []
        return flows.flatMap { $0.status.instances ?? [] }.filter { !$0.isSelf && seen.insert($0.instance).inserted }
            .map { OtherInstance(id: $0.instance, address: $0.address) }
    }

    /// The same document about its flows as wholes.
    ///
    /// - Parameters:
    ///   - answers: parts of the other instances, by their ids; those that are missing have not been asked.
    ///   - partitions: the partitions that the answers list.
    package func joined(with answers: [String: InstanceAnswer], listing partitions: PartitionSelection)
        -> StatusDocument
    {
        var document = self
        for index in document.flows.indices {
            let others = (document.flows[index].status.instances ?? []).filter { !$0.isSelf }
            guard !others.isEmpty else { continue }
            let parts = others.map { other in
                FlowPartOfInstance(other, answers[other.instance], flow: document.flows[index].status.name)
            }
            document.flows[index].join(parts, listing: partitions)
        }
        document.judge()
        return document
    }
}

/// Another instance's part of a flow, as it tells.
private struct FlowPartOfInstance {
    let instance: String
    /// Nil where it tells nothing.
    let document: FlowDocument?
    /// Clusters that it cannot reach, in words.
    let clusterObstacles: [String]
    let reason: String?
    /// Milliseconds since 1970; when it was first without an answer.
    let silentSince: Int64?

    init(_ instance: FlowStatus.Instance, _ answer: InstanceAnswer?, flow: String) {
        self.instance = instance.instance
        switch answer {
        case nil:
            document = nil
            clusterObstacles = []
            reason = instance.reason ?? "it has not been asked"
            silentSince = nil
        case .silent(let why, let since):
            document = nil
            clusterObstacles = []
            reason = why
            silentSince = since
        case .document(let answer):
            document = answer.flows.first { $0.status.name == flow }
            let used = document.map { Set([$0.status.source, $0.status.target]) } ?? []
            clusterObstacles = answer.clusters.filter { used.contains($0.name) }.compactMap(\.obstacle)
            reason = document == nil ? "it does not know this flow" : nil
            silentSince = nil
        }
    }
}

extension FlowDocument {
    fileprivate mutating func join(_ parts: [FlowPartOfInstance], listing selection: PartitionSelection) {
        let own = status.instances?.first(where: \.isSelf)?.instance ?? status.membership?.instance
        for index in status.partitions.indices where status.partitions[index].instance == nil {
            status.partitions[index].instance = own
        }
        let known = parts.compactMap { part in part.document.map { (part, $0) } }
        takeIn(known.map { ($0.0.instance, $0.1) }, listing: selection)
        for (part, document) in known {
            let obstacles = part.clusterObstacles + document.verdict.obstacles
            verdict.obstacles += obstacles.filter { !verdict.obstacles.contains($0) }
                .map { "instance \(part.instance): \($0)" }
        }
        let unknown = parts.filter { $0.document == nil }
        verdict.obstacles += unknown.map {
            "flow \(status.name): nothing is known of the part of instance \($0.instance): \($0.reason ?? "")"
        }
        verdict.condition = FlowCondition(status, verdict.counts)
        if !unknown.isEmpty {
            rates.knownLag = rates.lag ?? rates.knownLag
            rates.lag = nil
            if verdict.condition.rank > FlowCondition.partlyUnknown.rank { verdict.condition = .partlyUnknown }
        }
        list(parts)
    }

    /// The parts of those who answer.
    private mutating func takeIn(_ others: [(instance: String, document: FlowDocument)], listing: PartitionSelection) {
        let statuses = [status] + others.map(\.document.status)
        // One that has not begun has no partition whose lag could be unknown, as long as another one runs.
        let isRun = statuses.contains { $0.state == .running }
        if isRun { rates.lag = lagOfPart }
        for (instance, var document) in others {
            if isRun { document.rates.lag = document.lagOfPart }
            verdict.counts.add(document.verdict.counts)
            rates.add(document.rates)
            merge(document.status.partitions, of: instance)
        }
        status.partitions.sort { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
        let states: [FlowStatus.State] = [.running, .draining, .starting, .waiting, .resting]
        status.state = states.first { state in statuses.contains { $0.state == state } } ?? status.state
        // A reason of the flow as a whole is one that all have.
        let working = statuses.filter { $0.state == status.state }
        status.reason = working.contains { $0.reason == nil } ? nil : working.first?.reason
        var seen: Set<String> = []
        status.paused = statuses.flatMap(\.paused).filter { seen.insert($0).inserted }
        takeTasks(statuses)
        if case .all = listing { verdict.counts = FlowCounts(status) }
        verdict.counts.waitingTopics = max(verdict.counts.waitingTopics, status.waiting?.count ?? 0)
        verdict.counts.topics = max(verdict.counts.topics, rates.topics.count)
    }

    private var lagOfPart: Int64? {
        let hasBegun = ![.starting, .waiting, .resting].contains(status.state)
        return hasBegun || verdict.counts.partitions > 0 ? rates.lag : 0
    }

    /// Takes over what exists once per flow, as the instance tells it that has the task.
    private mutating func takeTasks(_ statuses: [FlowStatus]) {
        func holder(of task: FlowTask, _ hasAny: (FlowStatus) -> Bool) -> FlowStatus? {
            statuses.first { $0.tasks?.contains(task.rawValue) ?? false } ?? statuses.first(where: hasAny)
        }
        if let found = holder(of: .topics, { $0.waiting != nil || $0.excluded != nil }) {
            status.waiting = found.waiting
            status.excluded = found.excluded
        }
        if let found = holder(of: .groups, { !$0.groups.isEmpty || $0.groupsReason != nil }) {
            status.groups = found.groups
            status.groupsReason = found.groupsReason
        }
    }

    /// A partition that is just changing hands is that of the one who took it over last.
    private mutating func merge(_ partitions: [FlowStatus.Partition], of instance: String) {
        struct Place: Hashable {
            var topic: String
            var partition: Int32
        }
        var places: [Place: Int] = [:]
        for (index, one) in status.partitions.enumerated() {
            places[Place(topic: one.topic, partition: one.partition)] = index
        }
        for var partition in partitions {
            partition.instance = instance
            guard let index = places[Place(topic: partition.topic, partition: partition.partition)] else {
                status.partitions.append(partition)
                continue
            }
            let known = status.partitions[index]
            let isNewer =
                (partition.instanceSince ?? 0, partition.sourceOffset) > (known.instanceSince ?? 0, known.sourceOffset)
            if isNewer { status.partitions[index] = partition }
        }
    }

    /// Completes the list of instances with what they tell of themselves.
    private mutating func list(_ parts: [FlowPartOfInstance]) {
        let found = Dictionary(parts.map { ($0.instance, $0) }) { first, _ in first }
        for index in (status.instances ?? []).indices {
            guard let id = status.instances?[index].instance, let part = found[id] else { continue }
            guard let document = part.document else {
                status.instances?[index].reason = part.reason
                if let since = part.silentSince { status.instances?[index].since = since }
                continue
            }
            status.instances?[index].reason = nil
            status.instances?[index].partitions = document.verdict.counts.partitions
            status.instances?[index].tasks = document.status.tasks
            if let own = document.status.instances?.first(where: \.isSelf) {
                status.instances?[index].since = own.since
            }
        }
    }
}

extension FlowCounts {
    /// Topics are not added: instances have partitions of the same ones.
    fileprivate mutating func add(_ other: FlowCounts) {
        partitions = partitions.adding(other.partitions)
        failed = failed.adding(other.failed)
        stuck = stuck.adding(other.stuck)
        paused = paused.adding(other.paused)
        lagUnknown = lagUnknown.adding(other.lagUnknown)
        if let theirs = other.filling {
            var sum = filling ?? Filling()
            sum.add(theirs)
            filling = sum
        }
        waitingTopics = max(waitingTopics, other.waitingTopics)
        topics = max(topics, other.topics)
    }
}

extension FlowDocument.Rates {
    fileprivate mutating func add(_ other: Self) {
        let known = (lag ?? knownLag ?? 0).adding(other.lag ?? other.knownLag ?? 0)
        lag = lag != nil && other.lag != nil ? known : nil
        knownLag = lag == nil ? known : nil
        lagUnknownPartitions = Self.sum(lagUnknownPartitions, other.lagUnknownPartitions)
        lagAge = [lagAge, other.lagAge].compactMap(\.self).max()
        sampleAge = [sampleAge, other.sampleAge].compactMap(\.self).max()
        latencyMean = Self.mean(latencyMean, recordsPerSecond, other.latencyMean, other.recordsPerSecond)
        latencyMaximum = [latencyMaximum, other.latencyMaximum].compactMap(\.self).max()
        bytesPerSecond += other.bytesPerSecond
        recordsPerSecond += other.recordsPerSecond
        var places = Dictionary(topics.enumerated().map { ($1.topic, $0) }) { first, _ in first }
        for topic in other.topics {
            if let index = places[topic.topic] {
                topics[index].add(topic)
            } else {
                places[topic.topic] = topics.count
                topics.append(topic)
            }
        }
        topics.sort { $0.topic < $1.topic }
    }

    static func sum(_ one: Int?, _ other: Int?) -> Int? {
        one == nil && other == nil ? nil : (one ?? 0).adding(other ?? 0)
    }

    /// Weighted by records, as within one instance.
    static func mean(_ one: Double?, _ records: Double, _ other: Double?, _ otherRecords: Double) -> Double? {
        guard let one, let other else { return one ?? other }
        let weights = (max(1, records), max(1, otherRecords))
        return (one * weights.0 + other * weights.1) / (weights.0 + weights.1)
    }
}

extension FlowSample.Topic {
    /// States, the worst first.
    private static let states = ["failed", "stuck", "waiting", "paused"]

    fileprivate mutating func add(_ other: Self) {
        let known = (lag ?? knownLag ?? 0).adding(other.lag ?? other.knownLag ?? 0)
        lag = lag != nil && other.lag != nil ? known : nil
        knownLag = lag == nil ? known : nil
        lagUnknownPartitions = FlowDocument.Rates.sum(lagUnknownPartitions, other.lagUnknownPartitions)
        state = Self.states.first { $0 == state || $0 == other.state } ?? state
        reason = reason ?? other.reason
        partitions = partitions.adding(other.partitions)
        latencyMean = FlowDocument.Rates.mean(latencyMean, recordsPerSecond, other.latencyMean, other.recordsPerSecond)
        latencyMaximum = [latencyMaximum, other.latencyMaximum].compactMap(\.self).max()
        bytesPerSecond += other.bytesPerSecond
        recordsPerSecond += other.recordsPerSecond
    }
}
