import Replication
import ReplicatorConfig
import Testing

@Suite struct ReloadPlanTests {
    private func config(_ flow: String, clusters: String = "", http: String = "127.0.0.1:9644") throws -> ConfigFile {
        try ConfigFile.parse(
            """
            clusters:
              east: {bootstrapServers: "127.0.0.1:9092"\(clusters)}
              west: {bootstrapServers: "127.0.0.1:9192"}
            flows:
              - {name: f, source: east, target: west, \(flow)}
            http: {listen: "\(http)"}
            """, file: "test.yaml")
    }

    private func plan(_ old: ConfigFile, _ new: ConfigFile, runsAll: Bool = true) -> ReloadPlan {
        ReloadPlan(running: old.flows, runsAll: runsAll, from: old, to: new)
    }

    private func refusals(_ old: ConfigFile, _ new: ConfigFile) -> [String] {
        if case .refuse(let reasons) = plan(old, new) { return reasons }
        return []
    }

    @Test func `topics, groups, sync and limits may change`() throws {
        let old = try config("topics: {allow: [a]}")
        let new = try config(
            "topics: {allow: [b]}, consumerGroups: {allow: [g]}, sync: {interval: 1s}, "
                + "limits: {bytesPerSecond: 10MB}")

        guard case .apply(let settings) = plan(old, new) else {
            Issue.record("refused: \(refusals(old, new))")
            return
        }
        #expect(settings.map(\.topics) == [new.flows[0].topics])
        #expect(settings[0].limits.bytesPerSecond == 10_000_000)
    }

    @Test(
        arguments: [
            ("naming", "naming: {mode: identical}"), ("startFrom", "startFrom: earliest"),
            ("compression", "compression: zstd"), ("delivery", "delivery: atLeastOnce"),
            ("bufferBytes", "bufferBytes: 64MiB"), ("shards", "shards: 3"),
        ]) func `what may not change is refused by its key`(key: String, setting: String) throws
    {
        let old = try config("topics: {allow: [a]}")
        let reasons = refusals(old, try config("topics: {allow: [a]}, \(setting)"))

        #expect(reasons == ["flow f: \(key) cannot change while the flow runs: restart, or restore the old value"])
    }

    @Test(
        arguments: [
            ", clientId: other", ", rack: r1", ", requestTimeout: 5s",
            ", securityProtocol: SASL_PLAINTEXT, sasl: {mechanism: PLAIN, username: u, password: p}",
        ]) func `another way to a cluster is refused`(clusters: String) throws
    {
        let old = try config("topics: {allow: [a]}")
        let reasons = refusals(old, try config("topics: {allow: [a]}", clusters: clusters))

        #expect(reasons == ["flow f: source cannot change while the flow runs: restart, or restore the old value"])
    }

    @Test func `another password is noticed and not shown`() throws {
        let security = ", securityProtocol: SASL_PLAINTEXT, sasl: {mechanism: PLAIN, username: u, password: "
        let old = try config("topics: {allow: [a]}", clusters: security + "hush}")
        let reasons = refusals(old, try config("topics: {allow: [a]}", clusters: security + "whisper}"))

        #expect(reasons.count == 1)
        #expect(!reasons.joined().contains("hush") && !reasons.joined().contains("whisper"))
    }

    @Test func `the same file again changes nothing`() throws {
        let security = ", securityProtocol: SASL_PLAINTEXT, sasl: {mechanism: PLAIN, username: u, password: p}"
        let settings = "topics: {allow: [a], deny: [b]}, naming: {mode: prefix, alias: x}, shards: 2"
        let old = try config(settings, clusters: security)

        #expect(refusals(old, try config(settings, clusters: security)).isEmpty)
    }

    @Test func `flows that come or go, and another address, need a restart`() throws {
        let old = try config("topics: {allow: [a]}")
        var other = old
        other.flows[0].name = "g"

        #expect(refusals(old, other) == ["flow f is gone: restart to stop it", "flow g is new: restart to start it"])
        #expect(refusals(old, try config("topics: {allow: [a]}", http: "127.0.0.1:9000")).count == 1)
        var bounded = old
        bounded.series.topics = 5
        #expect(refusals(old, bounded).count == 1)
    }

    @Test func `a flow that this process was not asked to run may come`() throws {
        let old = try config("topics: {allow: [a]}")
        var other = old
        other.flows.append(old.flows[0])
        other.flows[1].name = "g"

        guard case .apply = plan(old, other, runsAll: false) else {
            Issue.record("refused")
            return
        }
    }
}
