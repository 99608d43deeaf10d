internal import KafkaClient

/// Flows of one configuration that would write the same records to one topic.
///
/// What is recorded on the clusters decides when they start, see ``SharedRecords``; here it is said before that, for
/// names that the flows' expressions suggest.
public enum FlowOverlaps {
    /// Warning to a person before these flows are started; nil when they may.
    public static func problem(in flows: [FlowSettings]) -> String? {
        let steps = flows.map { flow in
            FlowStep(
                flow: flow.name, sourceClusterID: flow.source.name, selection: flow.topics, naming: flow.naming)
        }
        let ways = ways(of: flows, steps)
        func party(_ index: Int) -> SharedRecords.Party {
            SharedRecords.Party(step: steps[index], ways: ways[index])
        }
        for one in flows.indices {
            for other in flows.indices.dropFirst(one + 1) where flows[one].target.name == flows[other].target.name {
                let target = flows[one].target.name
                let copies = [one, other].flatMap { index in
                    FlowCycles.samples(of: flows[index]).map { flows[index].naming.targetName(of: $0) }
                }
                for copy in copies {
                    guard let shared = SharedRecords(of: copy, party(one), party(other), on: target) else { continue }
                    return text(shared, copy, target)
                }
            }
        }
        return nil
    }

    private static func text(_ shared: SharedRecords, _ topic: String, _ target: String) -> String {
        let ways = shared.ways.map { $0.joined(separator: " → ") }
        return
            "the flows \(ways[0]) and \(ways[1]) would both write the records of topic \"\(shared.origin.topic)\" of "
            + "\(shared.origin.clusterID) to \"\(topic)\" on \(target), where each would be twice. Let only one of them "
            + "select such topics (topics.deny), or give one of them prefixed names"
    }

    /// Ways to each flow's source: each flow says what it knows to those behind it, until nothing is news.
    private static func ways(of flows: [FlowSettings], _ steps: [FlowStep]) -> [[FlowWay]] {
        var ways: [[FlowWay]] = flows.map { _ in [] }
        for _ in 0..<RecordedSelection.mostSteps {
            let next = flows.map { flow in
                FlowWay.ways(
                    to: flow.source.name,
                    flows.indices.filter { flows[$0].target.name == flow.source.name }.map { (steps[$0], ways[$0]) })
            }
            if next == ways { break }
            ways = next
        }
        return ways
    }
}
