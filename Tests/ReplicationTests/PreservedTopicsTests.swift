import KafkaClient
import Replication
import Testing

/// Flows of which one keeps its source's offsets, and others that would write to the same topics.
struct PreservedTopicsTests {
    private static func flow(
        _ name: String, from source: String, to target: String, _ topics: String = "orders.*",
        naming: TopicNaming = .identical, offsets: OffsetChoice = .translate
    ) throws -> FlowSettings {
        func cluster(_ name: String) -> ClusterSettings {
            ClusterSettings(name: name, bootstrapServers: [HostAndPort(host: name, port: 9092)])
        }
        var settings = FlowSettings(
            name: name, source: cluster(source), target: cluster(target),
            topics: NameSelection(allow: [try NamePattern(topics)], deny: []),
            consumerGroups: NameSelection(allow: [], deny: []), naming: naming, targetAlias: target)
        settings.offsets = offsets
        return settings
    }

    @Test func `a second flow to the same topics is refused, whatever its own offsets`() throws {
        let one = try Self.flow("a", from: "east", to: "west", offsets: .preserve)
        let other = try Self.flow("b", from: "north", to: "west")

        #expect(PreservedTopics.problem(in: [one, other])?.contains("would both write to \"orderst\"") == true)
        #expect(PreservedTopics.problem(in: [other, one]) != nil)
    }

    @Test func `flows to other topics, or that both translate, may be`() throws {
        let one = try Self.flow("a", from: "east", to: "west", offsets: .preserve)

        #expect(PreservedTopics.problem(in: [one, try Self.flow("b", from: "north", to: "west", "bills.*")]) == nil)
        #expect(
            PreservedTopics.problem(in: [
                one, try Self.flow("b", from: "north", to: "west", naming: .prefix(alias: "n", separator: ".")),
            ]) == nil)
        #expect(
            PreservedTopics.problem(in: [
                try Self.flow("a", from: "east", to: "west"), try Self.flow("b", from: "north", to: "west"),
            ]) == nil)
    }

    @Test func `opposite flows may keep offsets both, since one of them rests`() throws {
        let forth = try Self.flow("a", from: "east", to: "west", offsets: .preserve)

        #expect(
            PreservedTopics.problem(in: [forth, try Self.flow("b", from: "west", to: "east", offsets: .preserve)])
                == nil)
        #expect(PreservedTopics.problem(in: [forth, try Self.flow("b", from: "west", to: "east")]) == nil)
    }

    @Test func `the choice belongs to a flow's identity`() {
        func identity(_ offsets: OffsetChoice) -> FlowIdentity {
            FlowIdentity(
                sourceClusterID: "S", targetClusterID: "T", naming: "identical", startFrom: "latest", offsets: offsets)
        }

        #expect(identity(.translate).difference(from: identity(.translate)) == nil)
        let difference = identity(.translate).difference(from: identity(.preserve))
        #expect(difference?.what == "offsets")
        #expect(difference?.recorded == "translate")
        #expect(difference?.configured == "preserve")
    }
}
