import KafkaClient
import Replication
import TestSupport
import Testing

/// Which flows share records, and which topics come round: by what flows record, without a guess at names.
@Suite(.printsSeed) struct TopologyTests {
    private static func step(
        _ from: String, _ to: String, allow: [String] = [".*"], deny: [String] = [], naming: TopicNaming = .identical
    ) throws -> Link {
        Link(
            step: FlowStep(
                flow: "\(from)-to-\(to)", sourceClusterID: from,
                selection: NameSelection(
                    allow: try allow.map { try NamePattern($0) }, deny: try deny.map { try NamePattern($0) }),
                naming: naming), target: to)
    }

    /// Pairs of flows with a topic that both would write the same records to.
    private func shared(_ links: [Link], _ topic: String) -> Set<Set<String>> {
        Topology(links).shared(topic)
    }

    @Test func `two flows from one source share the topics that both select`() throws {
        let links = [
            try Self.step("a", "b", allow: ["dup"]),
            Link(step: try Self.step("a", "b", allow: ["dup.*"], deny: ["dup2"]).step.renamed("other"), target: "b"),
        ]

        #expect(shared(links, "dup") == [["a-to-b", "other"]])
        #expect(shared(links, "dup2") == [])
        #expect(shared(links, "dup3") == [])
    }

    @Test func `records that come by two ways are shared, and the ways are named`() throws {
        let links = try [Self.step("a", "b"), Self.step("b", "c"), Self.step("a", "c")]
        let topology = Topology(links)

        #expect(topology.shared("t") == [["b-to-c", "a-to-c"]])
        let found = try #require(SharedRecords(of: "t", topology.party(2), topology.party(1), on: "c"))
        #expect(found.origin == SharedRecords.Origin(clusterID: "a", topic: "t"))
        #expect(found.ways == [["a-to-c"], ["a-to-b", "b-to-c"]])
        let denied = try [Self.step("a", "b", deny: ["t"]), Self.step("b", "c"), Self.step("a", "c")]
        #expect(shared(denied, "t") == [])
    }

    @Test func `a full mesh of identical flows doubles records everywhere, and of prefixed ones nowhere`() throws {
        let pairs = [("a", "b"), ("a", "c"), ("b", "a"), ("b", "c"), ("c", "a"), ("c", "b")]

        let identical = try pairs.map { try Self.step($0.0, $0.1) }
        #expect(shared(identical, "t").count == 3)
        let prefixed = try pairs.map {
            try Self.step($0.0, $0.1, naming: .prefix(alias: $0.0, separator: "."))
        }
        for topic in ["t", "a.t", "b.t", "c.t"] { #expect(shared(prefixed, topic) == []) }
    }

    @Test(arguments: [
        [("a", "b"), ("b", "a")], [("a", "b"), ("b", "c"), ("c", "a")],
        [("a", "h"), ("h", "a"), ("b", "h"), ("h", "b"), ("c", "h"), ("h", "c")],
        [("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")], [("a", "c"), ("b", "c")],
    ]) func `pairs, rings, hubs, chains there and back and fan-in share nothing`(paths: [(String, String)]) throws {
        #expect(shared(try paths.map { try Self.step($0.0, $0.1) }, "t") == [])
    }

    @Test func `the same alias from two sources shares records only where they came to both`() throws {
        let naming = TopicNaming.prefix(alias: "x", separator: ".")
        let apart = try [Self.step("a", "c", naming: naming), Self.step("b", "c", naming: naming)]
        #expect(shared(apart, "x.t") == [])
        #expect(shared(apart + [try Self.step("a", "b")], "x.t") == [["a-to-c", "b-to-c"]])
    }

    @Test func `whatever flows there are, records are doubled just where two flows share them`() throws {
        var doubled = 0
        for seed in 0..<400 {
            var random = seeded(UInt64(seed))
            let clusters = ["a", "b", "c", "d"]
            var links: [Link] = []
            for from in clusters {
                for to in clusters where from != to && Int.random(in: 0..<3, using: &random) == 0 {
                    let denied = Int.random(in: 0..<4, using: &random) == 0
                    links.append(try Self.step(from, to, deny: denied ? ["t"] : []))
                }
            }
            let isDoubled = RecordsOnTheirWay(links, topic: "t").isAnyDoubled
            if isDoubled { doubled += 1 }
            let found = shared(links, "t")
            #expect(found.isEmpty == !isDoubled, "seed \(seed): \(links.map(\.step.flow)), \(found)")
        }
        #expect((20...380).contains(doubled))
    }

    @Test func `what is recorded is read as it was`() throws {
        let link = try Self.step(
            "a", "b", allow: ["x.*"], deny: ["y"], naming: .prefix(alias: "us.east", separator: "."))
        #expect(FlowStep(link.step.recorded) == link.step)
        let way = FlowWay(steps: [link.step, try Self.step("c", "a").step])
        #expect(FlowWay(way.recorded) == way)
        var strange = link.step.recorded
        strange.naming = "by moonlight"
        #expect(FlowStep(strange) == nil)
        #expect(FlowWay([link.step.recorded, strange]) == nil)
    }

    // Names

    @Test func `an alias that holds the separator is recognised on its way back`() throws {
        func passes(_ alias: String, _ separator: String, _ topic: String) throws -> Bool {
            TopicSelector(
                selection: NameSelection(allow: [try NamePattern(".*")], deny: []),
                naming: .prefix(alias: "eu", separator: separator), targetAlias: alias
            ).targetName(of: topic, isInternal: false) == nil
        }
        #expect(try passes("us.east", ".", "us.east.orders"))
        #expect(try passes("us.east", ".", "eu.us.east.orders"))
        #expect(try !passes("us.east", ".", "us.orders"))
        #expect(try !passes("us.east", ".", "bus.east.orders"))
        #expect(try !passes("us.east", ".", "us.east"))
        #expect(try passes("west", ".", "west."))
        #expect(try !passes("west", ".", "far-west.orders"))
    }

    @Test func `no name grows without end, whatever aliases, separators and topics there are`() throws {
        var grewWithoutFacts = 0
        for seed in 0..<100 {
            var random = seeded(UInt64(seed) &+ 50_000)
            let clusters = Array(["a", "b", "c"].prefix(Int.random(in: 2...3, using: &random)))
            var links: [Link] = []
            for (index, from) in clusters.enumerated() {
                var targets = [clusters[(index + 1) % clusters.count]]
                if Bool.random(using: &random) { targets.append(clusters[(index + 2) % clusters.count]) }
                for to in Set(targets).sorted() where to != from {
                    let alias = try #require(["a", "us.east", "x", "x-y", ".", "us"].randomElement(using: &random))
                    let separator = try #require([".", "-", "_", "..", "east"].randomElement(using: &random))
                    // Of mixtures over more clusters names do not tell enough; a configuration with one is refused.
                    let naming: TopicNaming =
                        Int.random(in: 0..<4, using: &random) == 0 && clusters.count == 2
                        ? .identical : .prefix(alias: alias, separator: separator)
                    links.append(try Self.step(from, to, naming: naming))
                }
            }
            let topics = ["orders", "us.east.orders", "x-y.z"]
            var names = NamesOnTheirWay(links, clusters, topics)
            let settles = names.settles(usesFacts: true)
            #expect(settles, "seed \(seed): \(links.map { "\($0.step)" })")
            var guessing = NamesOnTheirWay(links, clusters, topics)
            if !guessing.settles(usesFacts: false) { grewWithoutFacts += 1 }
        }
        // The property holds because of what is recorded.
        #expect(grewWithoutFacts > 10)
    }

    // Offsets

    @Test func `every target offset of which the maps do not tell is found, and no other`() {
        for seed in 0..<300 {
            var random = seeded(UInt64(seed) &+ 90_000)
            var forward = OffsetMap(start: 0)
            var ours: Set<Int64> = []
            var target: Int64 = 0
            for source in 0..<Int64(60) {
                target += Int64.random(in: 0..<3, using: &random) == 0 ? Int64.random(in: 1...4, using: &random) : 0
                forward.append(SourceRuns(source..<source + 1), at: target)
                ours.insert(target)
                target += 1
            }
            var offsets = PartitionOffsets(forward: forward, backward: nil, knowsAllCopies: true)
            var passed: Int64 = 0
            if Bool.random(using: &random) {
                var backward = OffsetMap(start: 0)
                passed = Int64.random(in: 0...target, using: &random)
                backward.pass(passed)
                offsets.backward = backward
            }
            let from = Int64.random(in: 0...target, using: &random)
            let to = Int64.random(in: from...target, using: &random)
            var found: Set<Int64> = []
            var position = from
            while let gap = offsets.firstUnknown(from: position, to: to) {
                found.formUnion(gap)
                position = gap.upperBound
            }
            #expect(found == Set((from..<to).filter { !ours.contains($0) && $0 >= passed }), "seed \(seed)")
        }
    }

    @Test func `of several opposite flows each is heard`() throws {
        var forward = OffsetMap(start: 0)
        forward.append(SourceRuns(0..<10), at: 0)
        // One has brought the target's first records to the source and gone, its successor the rest.
        var first = OffsetMap(start: 0)
        first.pass(10)
        first.append(SourceRuns(10..<15), at: 10)
        var second = OffsetMap(start: 15)
        second.append(SourceRuns(15..<20), at: 15)
        for maps in [(first, second), (second, first)] {
            var offsets = PartitionOffsets(forward: forward, backward: maps.0, knowsAllCopies: true)
            offsets.otherBackward = [maps.1]

            #expect(try offsets.position(of: 12, targetEnd: nil).target == 12)
            #expect(try offsets.position(of: 17, targetEnd: nil).target == 17)
            #expect(try offsets.position(of: 20, targetEnd: nil).target == 20)
        }
    }
}

/// A flow and its target.
struct Link {
    let step: FlowStep
    let target: String
}

extension FlowStep {
    fileprivate func renamed(_ flow: String) throws -> FlowStep {
        var recorded = recorded
        recorded.flow = flow
        return try #require(FlowStep(recorded))
    }
}

/// Flows that have all recorded what they know.
private struct Topology {
    let links: [Link]
    private(set) var ways: [[FlowWay]]

    init(_ links: [Link]) {
        self.links = links
        ways = links.map { _ in [] }
        // Each says what it knows to those behind it, until nothing is news.
        while true {
            let next = links.map { link in
                FlowWay.ways(
                    to: link.step.sourceClusterID,
                    links.indices.filter { links[$0].target == link.step.sourceClusterID }.map {
                        (links[$0].step, ways[$0])
                    })
            }
            if next == ways { return }
            ways = next
        }
    }

    func party(_ index: Int) -> SharedRecords.Party { SharedRecords.Party(step: links[index].step, ways: ways[index]) }

    func shared(_ topic: String) -> Set<Set<String>> {
        var found: Set<Set<String>> = []
        for one in links.indices {
            for other in links.indices where other > one && links[one].target == links[other].target {
                let records = SharedRecords(of: topic, party(one), party(other), on: links[one].target)
                if records != nil { found.insert([links[one].step.flow, links[other].step.flow]) }
            }
        }
        return found
    }
}

/// One record born on each cluster, copied by every flow that has not seen it come from its target.
private struct RecordsOnTheirWay {
    private struct Copy: Hashable {
        var born: String
        var way: [String]
    }

    private var copies: [String: Set<Copy>] = [:]

    init(_ links: [Link], topic: String) {
        for cluster in Set(links.map(\.target) + links.map(\.step.sourceClusterID)) {
            copies[cluster] = [Copy(born: cluster, way: [cluster])]
        }
        var isNews = true
        while isNews {
            isNews = false
            for link in links where link.step.original(of: topic) == topic {
                for copy in copies[link.step.sourceClusterID] ?? [] where !copy.way.contains(link.target) {
                    let next = Copy(born: copy.born, way: copy.way + [link.target])
                    if copies[link.target, default: []].insert(next).inserted { isNews = true }
                }
            }
        }
    }

    var isAnyDoubled: Bool {
        copies.values.contains { copies in Set(copies.map(\.born)).count < copies.count }
    }
}

/// Names of topics, copied by flows round after round.
private struct NamesOnTheirWay {
    private let links: [Link]
    private let topology: Topology
    private static let mostNames = 150
    private var topics: [String: Set<String>] = [:]

    init(_ links: [Link], _ clusters: [String], _ topics: [String]) {
        self.links = links
        topology = Topology(links)
        for cluster in clusters { self.topics[cluster] = Set(topics.map { "\(cluster)\($0)" }) }
    }

    /// - Returns: whether no more topics appear after as many rounds as names can take.
    mutating func settles(usesFacts: Bool) -> Bool {
        for _ in 0..<8 {
            var isNews = false
            for (index, link) in links.enumerated() {
                for topic in topics[link.step.sourceClusterID] ?? [] {
                    guard
                        !usesFacts
                            || !topology.ways[index].contains(where: {
                                $0.bringsBack(topic, to: link.target, by: link.step)
                            })
                    else { continue }
                    let copy = link.step.prefix + topic
                    guard link.step.original(of: copy) != nil else { continue }
                    if topics[link.target, default: []].insert(copy).inserted { isNews = true }
                }
            }
            guard isNews else { return true }
            // Each flow may name each topic once.
            guard topics.values.allSatisfy({ $0.count < Self.mostNames }) else { return false }
        }
        return false
    }
}
