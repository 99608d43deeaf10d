/// A flow as one step of a way that records take: what it selects at its source, and what it calls it on its target.
package struct FlowStep: Hashable, Sendable {
    package let flow: String
    package let sourceClusterID: String
    package let selection: NameSelection
    /// Put in front of names; empty for identical names.
    package let prefix: String

    package init(flow: String, sourceClusterID: String, selection: NameSelection, naming: TopicNaming) {
        self.flow = flow
        self.sourceClusterID = sourceClusterID
        self.selection = selection
        prefix = naming.prefix
    }

    /// Nil for what this version does not understand.
    package init?(_ recorded: RecordedStep) {
        guard let prefix = TopicNaming.prefix(recorded: recorded.naming),
            let allow = try? recorded.allow.map({ try NamePattern($0) }),
            let deny = try? recorded.deny.map({ try NamePattern($0) })
        else { return nil }
        flow = recorded.flow
        sourceClusterID = recorded.sourceClusterID
        selection = NameSelection(allow: allow, deny: deny)
        self.prefix = prefix
    }

    /// Recorded form.
    package var recorded: RecordedStep {
        RecordedStep(
            flow: flow, sourceClusterID: sourceClusterID, allow: selection.allow.map(\.text),
            deny: selection.deny.map(\.text), naming: TopicNaming.recorded(prefix: prefix))
    }

    /// The source topic that the flow copies into a topic of its target; nil when it copies none into it.
    package func original(of copy: String) -> String? {
        guard copy.hasPrefix(prefix) else { return nil }
        let name = String(copy.dropFirst(prefix.count))
        let all = TopicSelector(selection: selection, naming: .identical, targetAlias: "")
        return all.targetName(of: name, isInternal: false)
    }
}

/// A way by which other flows bring records to a cluster, from its last step back to its first.
package struct FlowWay: Hashable, Sendable {
    package let steps: [FlowStep]

    package init(steps: [FlowStep]) {
        self.steps = steps
    }

    /// Nil for what this version does not understand.
    package init?(_ recorded: [RecordedStep]) {
        let steps = recorded.compactMap { FlowStep($0) }
        guard steps.count == recorded.count, !steps.isEmpty else { return nil }
        self.steps = steps
    }

    package var recorded: [RecordedStep] { steps.map(\.recorded) }

    /// A topic on the way, by the step that reads it.
    package struct Place: Hashable, Sendable {
        package let step: FlowStep
        package let topic: String
        /// The name has grown between there and the way's end.
        package let isRenamed: Bool
    }

    /// The topics that a topic at the way's end has come from, the nearest first.
    package func origins(of topic: String) -> [Place] {
        var places: [Place] = []
        var topic = topic
        var isRenamed = false
        for step in steps {
            guard let original = step.original(of: topic) else { break }
            topic = original
            isRenamed = isRenamed || !step.prefix.isEmpty
            places.append(Place(step: step, topic: topic, isRenamed: isRenamed))
        }
        return places
    }

    /// The ways that lead to a cluster, by what the flows that write there have recorded; none that leads over a
    /// cluster twice.
    package static func ways(
        to clusterID: String, _ flows: [(step: FlowStep, ways: [FlowWay])]
    ) -> [FlowWay] {
        var ways: [FlowWay] = []
        for flow in flows where flow.step.sourceClusterID != clusterID {
            ways.append(FlowWay(steps: [flow.step]))
            for before in flow.ways {
                let way = FlowWay(steps: [flow.step] + before.steps)
                let clusters = [clusterID] + way.steps.map(\.sourceClusterID)
                guard Set(clusters).count == clusters.count, way.steps.count <= RecordedSelection.mostSteps else {
                    continue
                }
                ways.append(way)
            }
        }
        // The shortest are kept: the others lead over them.
        let ordered = ways.sorted { left, right in
            (left.steps.count, left.steps.map(\.flow).joined(separator: "/"))
                < (right.steps.count, right.steps.map(\.flow).joined(separator: "/"))
        }
        return Array(ordered.prefix(RecordedSelection.mostWays))
    }
}
