internal import KafkaClient

/// Flows of one configuration that would feed each other for ever.
///
/// In identical naming records are recognised on their way back, whatever round they make. In prefixed naming only
/// names tell: a topic that comes round under a name that no flow refuses is copied again under a longer one, and so
/// on without end.
public enum FlowCycles {
    /// Warning to a person before these flows are started; nil when they may.
    public static func problem(in flows: [FlowSettings]) -> String? {
        let selectors = flows.map {
            TopicSelector(selection: $0.topics, naming: $0.naming, targetAlias: $0.targetAlias)
        }
        for (index, flow) in flows.enumerated() {
            for name in samples(of: flow) {
                if let problem = follow(name, from: index, flows, selectors) { return problem }
            }
        }
        return nil
    }

    private struct Step: Hashable {
        var flow: Int
        var topic: String
    }

    /// Way of a topic: a flow that sees it come by twice under different names will do so for ever.
    private static func follow(
        _ topic: String, from start: Int, _ flows: [FlowSettings], _ selectors: [TopicSelector]
    ) -> String? {
        var open = [[Step(flow: start, topic: topic)]]
        var seen: Set<Step> = []
        // Names only grow: what has not come round by then was refused somewhere.
        while let way = open.popLast(), let last = way.last, seen.count < 1_000 {
            guard seen.insert(last).inserted,
                let copy = selectors[last.flow].targetName(of: last.topic, isInternal: false)
            else { continue }
            if let earlier = way.dropLast().first(where: { $0.flow == last.flow && $0.topic != last.topic }) {
                let names = way.map { flows[$0.flow].name }.joined(separator: " → ")
                return "the flows \(names) go round without a guard: topic \"\(earlier.topic)\" comes back as "
                    + "\"\(last.topic)\" and would be copied again, under a longer name each time. Use the same "
                    + "naming and separator in all of them, or deny such topics in one of them"
            }
            for (next, flow) in flows.enumerated() where flow.source.name == flows[last.flow].target.name {
                open.append(way + [Step(flow: next, topic: copy)])
            }
        }
        return nil
    }

    /// Names that the flow may well select: an expression says of itself what it looks like.
    static func samples(of flow: FlowSettings) -> [String] {
        flow.topics.allow.map { pattern in
            pattern.text.replacing(".*", with: "t").replacing(".+", with: "t").filter {
                $0.isLetter || $0.isNumber || "._-".contains($0)
            }
        }.filter { !$0.isEmpty }
    }
}
