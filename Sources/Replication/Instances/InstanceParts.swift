internal import KafkaClient

/// Everything that an instance knows of the division of its flow: what it has, since when, and who the others are. No
/// I/O.
struct InstanceParts {
    /// Place in the group, with the reason where something is in the way.
    private(set) var membership: FlowStatus.Membership
    private(set) var ownership = PartOwnership()
    private(set) var peers: [InstanceAssignment.Peer] = []
    /// It has begun without waiting for its group, which had no members.
    private(set) var isProvisional = false
    /// True if the records of other instances have yet to be read before anything is taken over.
    private(set) var isBehind = true
    /// Changes when everything is lost: what was begun under an earlier one must not be finished.
    private(set) var tenure = 0
    /// Milliseconds since 1970.
    private(set) var since: [FlowPart: Int64] = [:]
    private(set) var changed: Int64
    private(set) var generationSince: Int64

    init(instance: String, at now: Int64) {
        membership = FlowStatus.Membership(instance: instance, generation: -1, state: .joining, since: now)
        changed = now
        generationSince = now
    }

    /// Others have a part in the flow, or may have.
    var isShared: Bool { peers.count > 1 }
    /// True if no other instance is there: parts that nobody has are this instance's.
    var isAlone: Bool { isProvisional || (membership.state == .member && peers.count == 1) }

    func holds(_ task: FlowTask) -> Bool { ownership.owned.contains(.task(task)) && mayBegin }

    /// True if what this instance knows of the offset maps is all that there is: it is a member, and has read what others have
    /// recorded.
    var knowsMaps: Bool { isProvisional || membership.state == .member && !isBehind }

    /// True if the assigned partitions may be begun with: the records of other instances are known.
    var mayBegin: Bool { isProvisional || !isBehind }
    func owns(_ partition: TopicPartition) -> Bool { ownership.owned.contains(.partition(partition)) }

    /// Partitions to be copied here.
    var partitions: [TopicPartition] {
        ownership.owned.compactMap { if case .partition(let partition) = $0 { partition } else { nil } }
    }

    /// The number of ``partitions``.
    var partitionCount: Int {
        ownership.owned.count - FlowTask.allCases.count { ownership.owned.contains(.task($0)) }
    }

    /// Partitions to be given to others.
    var releasing: [TopicPartition] {
        ownership.releasing.compactMap { if case .partition(let partition) = $0 { partition } else { nil } }
    }
}

// Events.
extension InstanceParts {
    /// Nobody is in the group: everything is begun before it is joined.
    mutating func beginAlone(at now: Int64) {
        isProvisional = true
        take(Set(FlowTask.allCases.map { .task($0) }), at: now)
    }

    /// Has what nobody else can have, since nobody else is there.
    mutating func take(_ parts: Set<FlowPart>, at now: Int64) {
        let missing = parts.subtracting(ownership.held)
        guard !missing.isEmpty else { return }
        let change = ownership.assigned(ownership.owned.union(missing), generation: ownership.generation)
        note(change, at: now)
    }

    /// - Parameter takesMore: false for one that stops.
    /// - Returns: tasks to be let go of, which nothing is in the way of.
    mutating func assigned(
        _ assignment: InstanceAssignment, generation: Int32, takesMore: Bool, at now: Int64
    ) -> Set<FlowPart> {
        isProvisional = false
        if assignment.peers != peers { generationSince = now }
        peers = assignment.peers
        membership = FlowStatus.Membership(
            instance: membership.instance, generation: generation, state: .member,
            since: membership.state == .member ? membership.since : now)
        var parts = assignment.parts
        if !takesMore { parts.formIntersection(ownership.held) }
        // Nobody is there to give anything to.
        if peers.count == 1 { parts.formUnion(ownership.owned) }
        let change = ownership.assigned(parts, generation: generation)
        // Others have recorded what this instance does not know, also those that are gone by now.
        isBehind = true
        note(change, at: now)
        return change.releasing.filter { if case .task = $0 { true } else { false } }
    }

    private mutating func note(_ change: PartOwnership.Change, at now: Int64) {
        for part in change.taken { since[part] = now }
        if !change.taken.isEmpty || !change.releasing.isEmpty { changed = now }
    }

    /// Takes note that the records of other instances have been read.
    mutating func caughtUp() { isBehind = false }

    /// - Returns: whether the group has to be told at once: everything to be given away is free.
    mutating func released(_ parts: Set<FlowPart>, at now: Int64) -> Bool {
        for part in parts { since[part] = nil }
        let released = ownership.released(parts)
        for part in released.again { since[part] = now }
        if !released.again.isEmpty { isBehind = true }
        return released.isOver
    }

    /// Others have taken parts over.
    mutating func forfeited(_ parts: Set<FlowPart>, at now: Int64) {
        for part in parts { since[part] = nil }
        ownership.forfeited(parts)
        changed = now
        isBehind = true
    }

    /// Nothing has been begun yet of what the group has given: another instance may have begun before it joins.
    mutating func standBack() {
        for part in ownership.owned { since[part] = nil }
        ownership.forfeited(ownership.owned)
    }

    /// Everything may belong to others by now.
    mutating func lost(_ reason: String?, isRefused: Bool, at now: Int64) {
        _ = ownership.lost()
        peers = []
        since = [:]
        changed = now
        isProvisional = false
        isBehind = true
        tenure += 1
        membership = FlowStatus.Membership(
            instance: membership.instance, generation: -1, state: isRefused ? .refused : .lost, reason: reason,
            since: now)
    }
}

// Telling.
extension InstanceParts {
    var tasks: [String] {
        FlowTask.allCases.filter { ownership.owned.contains(.task($0)) }.map(\.rawValue).sorted()
    }

    func instances(_ own: InstanceSettings) -> [FlowStatus.Instance] {
        let others = peers.filter { $0.instance != own.id }.map {
            FlowStatus.Instance(
                instance: $0.instance, address: $0.address, isSelf: false, since: generationSince)
        }
        let mine = FlowStatus.Instance(
            instance: own.id, address: own.address, isSelf: true, since: changed, partitions: partitionCount,
            tasks: tasks)
        return (others + [mine]).sorted { $0.instance < $1.instance }
    }
}
