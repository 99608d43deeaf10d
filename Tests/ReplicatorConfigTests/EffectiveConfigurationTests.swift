import Foundation
import Replication
import ReplicatorConfig
import Testing

@Suite struct EffectiveConfigurationTests {
    private static let text = """
        clusters:
          "my.west":
            bootstrapServers: "${env:WEST}"
            clientId: "${env:CLIENT}"
            securityProtocol: SASL_PLAINTEXT
            sasl: {mechanism: PLAIN, username: bob, password: hunter2-in-the-file}
          east:
            bootstrapServers: ["a:9092", "b:9092"]
            securityProtocol: SASL_PLAINTEXT
            sasl: {mechanism: PLAIN, username: bob, password: "${env:PASSWORD}"}
        flows:
          - name: one
            source: east
            target: my.west
            topics: {allow: orders}
            sync: {deleteTopics: {after: 24h}, interval: 10s}
            bufferBytes: 64MiB
          - {name: two, source: east, target: my.west, topics: {allow: [a, "b: c"]}, naming: {mode: prefix, alias: e}}
        http: {listen: "127.0.0.1:9644", authentication: {users: {ops: "pre-${env:PASSWORD}"}}}
        """
    private static let environment = ["WEST": "w:9092", "CLIENT": "from-a-variable", "PASSWORD": "pw-in-a-variable"]

    private func effective() throws -> EffectiveConfiguration {
        try ConfigFile.parse(Self.text, file: "test.yaml", environment: Self.environment).effective
    }

    @Test func `values have their origins`() throws {
        let values = Dictionary(uniqueKeysWithValues: try effective().values.map { ($0.path, $0) })

        let interval = try #require(values["flows[0].sync.interval"])
        #expect(interval.value == "10s" && interval.origin == .file && interval.line == 16)
        let standard = try #require(values["flows[1].sync.interval"])
        #expect(standard.value == "5s" && standard.origin == .standard && standard.line == nil)
        let alias = try #require(values["flows[0].naming.alias"])
        #expect(alias.value == "east" && alias.origin == .standard)
        let servers = try #require(values["clusters.my.west.bootstrapServers"])
        #expect(servers.references == ["${env:WEST}"])
        #expect(values["flows[0].consumerGroups.deny"]?.values == ["console-consumer-.*", "connect-.*", "__.*"])
        #expect(values["clusters.east.sasl.mechanism"]?.value == "PLAIN")
    }

    @Test func `no secret is shown, and no text that a reference stands for`() throws {
        let effective = try effective()
        let json = String(decoding: try JSONEncoder().encode(effective.values), as: UTF8.self)
        for text in [effective.yaml, json] {
            for hidden in ["hunter2", "pw-in-a-variable", "from-a-variable", "pre-"] { #expect(!text.contains(hidden)) }
            #expect(text.contains("${env:PASSWORD}") && text.contains("${env:CLIENT}"))
        }
    }

    @Test func `what is shown is a configuration that says the same`() throws {
        let first = try effective()
        let shown = first.yaml.replacing("\"•••\"", with: "x")
        let again = try ConfigFile.parse(shown, file: "shown.yaml", environment: Self.environment)
        let once = try ConfigFile.parse(Self.text, file: "test.yaml", environment: Self.environment)

        #expect(
            again.flows.map { "\($0.topics)\($0.sync)\($0.naming)\($0.bufferBytes)\($0.policies)" }
                == once.flows.map { "\($0.topics)\($0.sync)\($0.naming)\($0.bufferBytes)\($0.policies)" })
        #expect(again.effective.values.map(\.path) == first.values.map(\.path))
        #expect(again.effective.values.map(\.value) == first.values.map(\.value))
        #expect(again.effective.values.allSatisfy { $0.origin == .file })
    }
}
