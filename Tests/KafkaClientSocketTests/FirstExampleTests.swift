import Foundation
import KafkaBroker
import KafkaClient
import KafkaWire
import Logging
import NIOPosix
import Testing

/// The first examples of the libraries' documentation: they are compiled, they run, and they are the ones that are shown.
@Suite struct FirstExampleTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test func `the client creates a topic and finds it`() async throws {
        let cluster = try await EmbeddedCluster.start(BrokerSettings())
        let brokers = cluster.bootstrapServers.split(separator: ",").compactMap { HostAndPort(String($0)) }

        // KafkaClient
        let settings = ClusterSettings(name: "shop", bootstrapServers: brokers)
        let client = ClusterClient(
            settings, eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "example"))

        let created = await client.createTopics([NewTopic("orders", partitions: 3)])
        _ = try created["orders"]?.get()
        let topics = try await client.metadata(.all).topics
        print("orders has \(topics["orders"]?.partitions.count ?? 0) partitions")

        await client.close()
        // end

        await cluster.shutdown()
        #expect(topics["orders"]?.partitions.count == 3)
    }

    @Test func `a cluster starts, misbehaves as told, and stops`() async throws {
        // KafkaBroker
        let cluster = try await EmbeddedCluster.start(BrokerSettings(nodeCount: 3))
        print("clients connect to \(cluster.bootstrapServers)")

        // Once, the next produce request gets this error.
        cluster.intercept(.produce, times: 1, .error(.notLeaderOrFollower))
        // As in a crash: its partitions move to other nodes.
        try await cluster.stop(node: 2)

        await cluster.shutdown()
        // end

        #expect(cluster.ports.count == 3)
    }

    @Test(arguments: ["KafkaClient", "KafkaBroker"]) func `the example that is shown is the one above`(
        library: String
    ) throws {
        let page = try text("Sources/\(library)/\(library).docc/\(library).md")
        let shown = try #require(page.firstMatch(of: /```swift\n(?<code>(?s:.*?))```/)).output.code
        // A reader's own: imports and addresses.
        let code = shown.split(separator: "\n", omittingEmptySubsequences: false).filter {
            !$0.hasPrefix("import ") && !$0.hasPrefix("let brokers")
        }
        let compiled = try text("Tests/KafkaClientSocketTests/FirstExampleTests.swift")
        let start = try #require(compiled.range(of: "// \(library)\n"))
        let end = try #require(compiled.range(of: "// end\n", range: start.upperBound..<compiled.endIndex))
        let above = compiled[start.upperBound..<end.lowerBound].split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.trimmingPrefix("        ") }

        #expect(trimmed(code.map(String.init)) == trimmed(above.map(String.init)))
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appending(path: path), encoding: .utf8)
    }

    private func trimmed(_ lines: [String]) -> String {
        lines.joined(separator: "\n").trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
