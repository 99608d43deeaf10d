/// Records that two flows would both write to one topic of their target, where each would be there twice.
///
/// Flows from one source share records where both copy a topic into the same one. Flows from two sources do where the
/// records of a third cluster, or of one of the two, have come to both: what the flows have recorded says by which ways.
/// Records that have been on the target itself are left out by each flow.
///
/// ```
///   a ──▶ b ──▶ c       in identical naming each record of a would come to c from b and from a
///   └───────────▲
/// ```
package struct SharedRecords: Hashable, Sendable {
    /// A flow on its target, with the ways that lead to its source.
    package struct Party: Hashable, Sendable {
        package let step: FlowStep
        package let ways: [FlowWay]

        package init(step: FlowStep, ways: [FlowWay]) {
            self.step = step
            self.ways = ways
        }

        /// Topics whose records come into a topic of the target, each with the flows that bring them, the first flow
        /// first.
        fileprivate func origins(of topic: String, on target: String) -> [(origin: Origin, flows: [String])] {
            guard let name = step.original(of: topic) else { return [] }
            var found = [(origin: Origin(clusterID: step.sourceClusterID, topic: name), flows: [step.flow])]
            for way in ways {
                var flows = [step.flow]
                for place in way.origins(of: name) {
                    guard place.step.sourceClusterID != target else { break }
                    flows.insert(place.step.flow, at: 0)
                    found.append((Origin(clusterID: place.step.sourceClusterID, topic: place.topic), flows))
                }
            }
            return found
        }
    }

    package struct Origin: Hashable, Sendable {
        package let clusterID: String
        package let topic: String

        package init(clusterID: String, topic: String) {
            self.clusterID = clusterID
            self.topic = topic
        }
    }

    package let origin: Origin
    /// Flows by which the records would come, the first one first.
    package let ways: [[String]]

    /// Records that two flows would both bring into a topic of their target; nil for none.
    ///
    /// - Parameter target: cluster id of the target of both.
    package init?(of topic: String, _ one: Party, _ other: Party, on target: String) {
        let theirs = other.origins(of: topic, on: target)
        guard !theirs.isEmpty else { return nil }
        for own in one.origins(of: topic, on: target) {
            guard let same = theirs.first(where: { $0.origin == own.origin }) else { continue }
            origin = own.origin
            ways = [own.flows, same.flows]
            return
        }
        return nil
    }
}

extension FlowWay {
    /// True for a topic at the way's end that holds copies of a topic of a cluster, under a name that a flow to that
    /// cluster would make longer, so that it would come round under a longer name each time.
    ///
    /// - Parameter step: the flow from the way's end to the cluster.
    package func bringsBack(_ topic: String, to clusterID: String, by step: FlowStep) -> Bool {
        guard let place = origins(of: topic).first(where: { $0.step.sourceClusterID == clusterID }) else {
            return false
        }
        return place.isRenamed || (!step.prefix.isEmpty && step.original(of: place.topic) != nil)
    }
}

extension RegisteredFlow {
    /// The flow as a step of a way, with the ways to its source; nil when it has not recorded them, or in a form that
    /// is not understood.
    package var party: SharedRecords.Party? {
        guard let selection,
            let step = FlowStep(
                RecordedStep(
                    flow: name, sourceClusterID: sourceClusterID, allow: selection.allow, deny: selection.deny,
                    naming: selection.naming))
        else { return nil }
        return SharedRecords.Party(step: step, ways: selection.ways.compactMap { FlowWay($0) })
    }
}
