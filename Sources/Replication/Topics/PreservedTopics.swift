internal import KafkaClient

/// Topics whose copies have the offsets of their source, so that one flow alone may write there.
///
/// A record of another writer stops such a partition at once; here it is said before, for names that the flows' expressions
/// suggest. Two that go opposite ways may be in one configuration: one of them rests, see ``FlowStart``.
public enum PreservedTopics {
    /// Warning to a person before these flows are started; nil when they may.
    public static func problem(in flows: [FlowSettings]) -> String? {
        for one in flows where one.offsets == .preserve {
            for other in flows where other.name != one.name {
                guard other.target.name == one.target.name else { continue }
                let copies = topics(of: one) + topics(of: other)
                if let topic = copies.first(where: { writes(one, $0) && writes(other, $0) }) {
                    return
                        "the flows \(one.name) and \(other.name) would both write to \"\(topic)\" on \(one.target.name), and "
                        + "\(one.name) has offsets: preserve, which needs topics that nobody else writes to. Let only one "
                        + "of them select such topics (topics.deny)"
                }
            }
        }
        return nil
    }

    /// Flows in which of two that keep offsets in opposite directions, under the same names, the first begins: both at
    /// once would be each other's foreign writers.
    public static func ordered(_ flows: [FlowSettings]) -> [FlowSettings] {
        var ordered = flows
        for index in flows.indices where flows[index].offsets == .preserve {
            let later = flows[index]
            ordered[index].beginsBehind =
                flows[..<index].first { earlier in
                    earlier.offsets == .preserve && earlier.source.name == later.target.name
                        && earlier.target.name == later.source.name
                        && topics(of: earlier).contains { writes(later, $0) }
                }?.name
        }
        return ordered
    }

    private static func topics(of flow: FlowSettings) -> [String] {
        FlowCycles.samples(of: flow).map { flow.naming.targetName(of: $0) }
    }

    /// True when a flow would write to a topic of its target.
    private static func writes(_ flow: FlowSettings, _ copy: String) -> Bool {
        let selector = TopicSelector(selection: flow.topics, naming: flow.naming, targetAlias: flow.targetAlias)
        var name = copy
        if case .prefix(let alias, let separator) = flow.naming {
            guard copy.hasPrefix(alias + separator) else { return false }
            name = String(copy.dropFirst((alias + separator).count))
        }
        return selector.targetName(of: name, isInternal: false) == copy
    }
}
