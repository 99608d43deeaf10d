internal import KafkaClient

/// Flows of one configuration that put the same alias in front of the topics of different sources, on one target.
public enum SharedAliases {
    /// A warning for each such pair: topics of one name would share a copy.
    public static func warnings(in flows: [FlowSettings]) -> [String] {
        flows.enumerated().flatMap { index, flow in
            flows.dropFirst(index + 1).compactMap { warning(flow, $0) }
        }
    }

    private static func warning(_ one: FlowSettings, _ other: FlowSettings) -> String? {
        guard one.target.name == other.target.name, one.source.name != other.source.name,
            case .prefix(let alias, let separator) = one.naming, one.naming == other.naming
        else { return nil }
        let copy = one.naming.targetName(of: "TOPIC")
        return "the flows \(one.name) (from \(one.source.name)) and \(other.name) (from \(other.source.name)) both put "
            + "\"\(alias)\(separator)\" in front of their topics on \(one.target.name): a topic that both sources have would "
            + "get one copy, \(copy), with the records of both mixed, and neither flow could tell them apart. Give each "
            + "source an alias of its own with naming.alias"
    }
}
