internal import KafkaClient
internal import KafkaWire
internal import PlainText

/// Decides which topics a flow leaves to others, by what the flows around it have recorded: those that write to its
/// target, and those that write to its source.
///
/// A flow records what it selects, and the ways that lead to its source, beside its producer ids on the target, before
/// it creates or copies anything; then it reads what the others have recorded there. So of two that begin at the same
/// time at least one sees the other. It is done again at each discovery: it costs two small requests, unless
/// something has been recorded.
///
/// Of two flows that would write the same records to one topic, one keeps the topic: the one that copies it already;
/// else, or if both do, the one that registered first (of flows of versions that record nothing only those topics
/// count that no other has begun). A flow that would double records at its very first start does
/// not start.
actor FlowNeighbours {
    private let name: String
    private let clusters: (source: String, target: String)
    private let target: ClusterClient
    /// Nil for those who only ask: nothing is recorded.
    private let own: FlowProducerIDs?
    private let progress: ProgressStore
    private var writers: RegisteredFlows
    private var feeders: RegisteredFlows
    private let source: ClusterClient
    /// Topics of flows that have recorded no selection, or share records with this one.
    private var memories: [Side: [String: RecordedFlowReader]] = [:]
    private var basis: Basis?
    /// By source topic: decided once, until a flow records something else.
    private var decided: [String: Decision] = [:]

    /// Topics that are taken from the memory of a flow that has recorded no selection.
    private static let mostCopied = 5_000

    private enum Side {
        case source, target
    }

    fileprivate struct Other: Hashable {
        let party: SharedRecords.Party
        let registered: Int64
        /// It has run as a version that records what it selects.
        let isRecorded: Bool
    }

    fileprivate struct Basis: Hashable {
        let own: SharedRecords.Party
        let others: [Other]
    }

    fileprivate struct Decision {
        let comesRound: Bool
        let shared: [SharedRecords]
    }

    struct Judgement: Sendable {
        /// Reasons why topics are left to other flows, by source topic.
        var refused: [String: String] = [:]
        /// Source topics that are copies of the target's own.
        var returning: Set<String> = []

        func admits(_ topic: String) -> Bool { refused[topic] == nil && !returning.contains(topic) }
    }

    init(
        flow: String, sourceID: String, targetID: String, source: ClusterClient, target: ClusterClient,
        own: FlowProducerIDs?, progress: ProgressStore
    ) {
        name = flow
        clusters = (sourceID, targetID)
        self.source = source
        self.target = target
        self.own = own
        self.progress = progress
        writers = RegisteredFlows(of: target)
        feeders = RegisteredFlows(of: source)
    }

    /// - Parameters:
    ///   - selected: topics that the settings select.
    ///   - records: false for an instance that leaves it to another to say what the flow selects.
    /// - Throws: ``FlowError/sharedRecords(flow:target:reasons:)`` at the flow's first start.
    func judge(
        _ selected: [SelectedTopic], _ settings: FlowSettings, source: ClusterMetadata, target: ClusterMetadata,
        records: Bool = true
    ) async throws(FlowError) -> Judgement {
        let judgement: Judgement
        do throws(KafkaError) {
            judgement = try await look(at: selected, settings, source, target, records: records)
            guard records, !judgement.refused.isEmpty, await progress.isNewFlow else { return judgement }
            // Others need not make way for a flow that does not start.
            try await own?.record(.nothing)
        } catch {
            throw .kafka(error)
        }
        throw .sharedRecords(
            flow: name, target: settings.target.name,
            reasons: judgement.refused.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" })
    }

    private func look(
        at selected: [SelectedTopic], _ settings: FlowSettings, _ source: ClusterMetadata, _ target: ClusterMetadata,
        records: Bool
    ) async throws(KafkaError) -> Judgement {
        let basis = try await basis(settings, source, target, records: records)
        if basis != self.basis || decided.count > 2 * selected.count + 100 { decided = [:] }
        self.basis = basis
        var judgement = Judgement()
        for topic in selected {
            let decision = decided[topic.source.name] ?? Decision(topic, basis, target: clusters.target)
            decided[topic.source.name] = decision
            if decision.comesRound { judgement.returning.insert(topic.source.name) }
            for shared in decision.shared where judgement.refused[topic.source.name] == nil {
                judgement.refused[topic.source.name] = try await refusal(of: topic, shared, basis, settings)
            }
        }
        return judgement
    }

    /// Records what this flow selects, and then reads what the others have recorded.
    private func basis(
        _ settings: FlowSettings, _ sourceMetadata: ClusterMetadata, _ targetMetadata: ClusterMetadata, records: Bool
    ) async throws(KafkaError) -> Basis {
        let step = FlowStep(
            flow: name, sourceClusterID: clusters.source, selection: settings.topics, naming: settings.naming)
        let ways = try await ways(sourceMetadata)
        let recorded = step.recorded
        if records {
            try await own?.record(
                RecordedSelection(
                    allow: recorded.allow, deny: recorded.deny, naming: recorded.naming, ways: ways.map(\.recorded)))
        }
        var writing = writers
        try await writing.refresh(targetMetadata)
        writers = writing
        var others: [Other] = []
        for flow in writers.flows(on: clusters.target, kept: targetMetadata) where flow.name != name {
            guard let party = try await party(of: flow, at: .target) else { continue }
            others.append(
                Other(party: party, registered: flow.registered, isRecorded: flow.selection != nil))
        }
        return Basis(own: SharedRecords.Party(step: step, ways: ways), others: others)
    }

    private func ways(_ metadata: ClusterMetadata) async throws(KafkaError) -> [FlowWay] {
        do throws(KafkaError) {
            var feeding = feeders
            try await feeding.refresh(metadata)
            feeders = feeding
        } catch  where error.isAuthorization {
            // In prefix naming a flow needs no right on it, and names tell.
            return []
        }
        var flows: [(step: FlowStep, ways: [FlowWay])] = []
        for flow in feeders.flows(on: clusters.source, kept: metadata) {
            guard let party = try await party(of: flow, at: .source) else { continue }
            flows.append((party.step, party.ways))
        }
        return FlowWay.ways(to: clusters.source, flows)
    }

    /// A flow with what it selects. Of one that has not recorded that, the topics count that it has copied; nil while it
    /// has said nothing at all.
    private func party(
        of flow: RegisteredFlow, at side: Side
    ) async throws(KafkaError) -> SharedRecords.Party? {
        if flow.selection != nil { return flow.party }
        let recorded = try await recorded(flow.name, at: side)
        guard let identity = recorded.identity, identity.sourceClusterID == flow.sourceClusterID else { return nil }
        let topics = Set(recorded.checkpoints.keys.map(\.topic)).sorted().prefix(Self.mostCopied)
        return FlowStep(
            RecordedStep(
                flow: flow.name, sourceClusterID: flow.sourceClusterID,
                allow: topics.map { $0.replacing(".", with: "\\.") }, deny: [], naming: identity.naming)
        ).map { SharedRecords.Party(step: $0, ways: []) }
    }

    private func recorded(_ flow: String, at side: Side) async throws(KafkaError) -> RecordedFlow {
        var reader =
            memories[side]?[flow] ?? RecordedFlowReader(flow: flow, target: side == .source ? source : target)
        try await reader.refresh()
        memories[side, default: [:]][flow] = reader
        return reader.recorded
    }

    /// Reason why a topic is left to another flow; nil when the other flow leaves it to this one.
    private func refusal(
        of topic: SelectedTopic, _ shared: SharedRecords, _ basis: Basis, _ settings: FlowSettings
    ) async throws(KafkaError) -> String? {
        guard let other = basis.others.first(where: { $0.party.step.flow == shared.ways[1].last }) else { return nil }
        let there = other.party.step
        let theirTopic = there.original(of: topic.targetName)
        let theirs = try await recorded(there.flow, at: .target)
        let isTheirs = theirs.checkpoints.keys.contains { $0.topic == theirTopic }
        let isOurs = await progress.known.keys.contains { $0.topic == topic.source.name }
        if isOurs != isTheirs {
            if isOurs { return nil }
        } else if isOurs, !other.isRecorded {
            // It may have been replaced long ago. Should it run, it gives way or is told apart once it is upgraded.
            return nil
        } else {
            let mine = (await own?.registered ?? .max, name)
            if mine < (other.registered, there.flow) { return nil }
        }
        return shared.explanation(
            of: topic.targetName, on: settings.target.name, own: basis.own.step, other: there,
            isSameSource: there.sourceClusterID == clusters.source)
    }
}

extension FlowNeighbours.Decision {
    fileprivate init(_ topic: SelectedTopic, _ basis: FlowNeighbours.Basis, target: String) {
        let step = basis.own.step
        comesRound = basis.own.ways.contains { $0.bringsBack(topic.source.name, to: target, by: step) }
        shared = basis.others.compactMap {
            SharedRecords(of: topic.targetName, basis.own, $0.party, on: target)
        }
    }
}

extension SharedRecords {
    /// The reason why a topic is left to another flow, with the way out.
    fileprivate func explanation(
        of topic: String, on target: String, own: FlowStep, other: FlowStep, isSameSource: Bool
    ) -> String {
        let forget = "replicator forget --flow \(other.flow.shellQuoted) --cluster \(target.shellQuoted)"
        let wayOut =
            "Let only one of them select it (topics.deny), or, if flow \"\(other.flow)\" is not needed any more, stop "
            + "it and remove its memory: \(forget)"
        guard !isSameSource else {
            return
                "flow \"\(other.flow)\" (\(other.selectionText)) copies \(origin.topic) of the same source to \(topic) "
                + "on \(target) too, and flow \"\(own.flow)\" (\(own.selectionText)) would write each record a second "
                + "time. \(wayOut)"
        }
        let ways = ways.map { $0.map { "\"\($0)\"" }.joined(separator: ", ") }
        return
            "records of \(origin.topic) on cluster \(origin.clusterID) would come to \(topic) on \(target) twice: by "
            + "the flows \(ways[0]), and by \(ways[1]); \"\(own.flow)\" selects \(own.selectionText), and "
            + "\"\(other.flow)\" \(other.selectionText). \(wayOut); or give one of them prefixed names"
    }
}

extension FlowStep {
    fileprivate var selectionText: String {
        let allow = "allow [\(selection.allow.map(\.text).joined(separator: ", "))]"
        guard !selection.deny.isEmpty else { return allow }
        return "\(allow), deny [\(selection.deny.map(\.text).joined(separator: ", "))]"
    }
}
