/// Selection of a flow, recorded beside its producer ids: other flows see from it what it writes, and which ways its
/// records have come. Flows of versions without it have none.
package struct RecordedSelection: Hashable, Sendable, Codable {
    package var allow: [String]
    package var deny: [String]
    /// As in ``FlowIdentity/naming``.
    package var naming: String
    /// Ways by which other flows bring records to this one's source, each from its last step back to its first.
    package var ways: [[RecordedStep]]

    package init(allow: [String], deny: [String], naming: String, ways: [[RecordedStep]] = []) {
        self.allow = allow
        self.deny = deny
        self.naming = naming
        self.ways = ways
    }

    /// Selection of a flow that was refused: it writes nothing.
    package static let nothing = RecordedSelection(allow: [], deny: [], naming: TopicNaming.identical.recorded)
}

/// One flow on a way that records take: from which cluster, what it selects there, and what it calls it.
package struct RecordedStep: Hashable, Sendable, Codable {
    package var flow: String
    package var sourceClusterID: String
    package var allow: [String]
    package var deny: [String]
    package var naming: String

    package init(flow: String, sourceClusterID: String, allow: [String], deny: [String], naming: String) {
        self.flow = flow
        self.sourceClusterID = sourceClusterID
        self.allow = allow
        self.deny = deny
        self.naming = naming
    }
}

extension RecordedSelection {
    /// Bounds on what is recorded; a longer way than this has no use that is known.
    package static let mostWays = 64
    package static let mostSteps = 8
    private static let mostPatterns = 10_000

    /// - Throws: when it cannot be what was stored.
    func check() throws(ImpossibleState) {
        guard ways.count <= Self.mostWays, ways.allSatisfy({ $0.count <= Self.mostSteps }) else {
            throw ImpossibleState("its selection names too many ways of records")
        }
        let steps = ways.joined()
        guard allow.count + deny.count <= Self.mostPatterns,
            steps.allSatisfy({ $0.allow.count + $0.deny.count <= Self.mostPatterns })
        else { throw ImpossibleState("its selection has too many expressions") }
    }
}
