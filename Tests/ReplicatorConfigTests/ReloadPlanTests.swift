import KafkaClient
import Replication
import ReplicatorConfig
import Testing

@Suite struct ReloadPlanTests {
    private func config(
        _ flow: String, clusters: String = "", http: String = "listen: \"127.0.0.1:9644\"", more: String = "",
        environment: [String: String] = [:]
    ) throws -> ConfigFile {
        try ConfigFile.parse(
            """
            clusters:
              east: {bootstrapServers: "127.0.0.1:9092"\(clusters)}
              west: {bootstrapServers: "127.0.0.1:9192"}
              north: {bootstrapServers: "127.0.0.1:9292"}
            flows:
              - {name: f, source: east, target: west, \(flow)}
              - {name: other, source: north, target: west, topics: {allow: [x]}}
            http: {\(http)}
            \(more)
            """, file: "test.yaml", environment: environment)
    }

    private func plan(_ old: ConfigFile, _ new: ConfigFile, selected: Set<String>? = nil) throws -> ReloadPlan {
        try ReloadPlan(
            running: old.flows.filter { selected?.contains($0.name) ?? true }, selected: selected, from: old, to: new)
    }

    private func refusals(_ old: ConfigFile, _ new: ConfigFile, selected: Set<String>? = nil) -> [String] {
        do throws(ReloadRefusal) {
            _ = try ReloadPlan(
                running: old.flows.filter { selected?.contains($0.name) ?? true }, selected: selected, from: old,
                to: new)
            return []
        } catch {
            return error.reasons
        }
    }

    private func sentences(_ plan: ReloadPlan) -> [String] { plan.flows.compactMap { $0.sentence() } + plan.others }

    @Test func `topics, groups, policies, sync and limits are taken over as the flow runs`() throws {
        let old = try config("topics: {allow: [a]}")
        let new = try config(
            "topics: {allow: [b, 'c.*'], deny: [d]}, consumerGroups: {allow: [g]}, sync: {interval: 1m, acls: false}, "
                + "policies: {expired: continue}, limits: {bytesPerSecond: 10MB}")

        let plan = try plan(old, new)

        #expect(plan.flows.map(\.kind) == [.adapts, .stays])
        #expect(plan.flows[0].settings.limits.bytesPerSecond == 10_000_000)
        #expect(
            plan.flows[0].details == [
                #"topics.allow now ["b", "c.*"]"#, #"topics.deny now ["d"]"#, #"consumerGroups.allow now ["g"]"#,
                "policies.expired from stop to continue", "sync.acls from true to false", "sync.interval from 5s to 1m",
                "limits.bytesPerSecond from none to 10MB",
            ])
        #expect(plan.flows[0].sentence(effects: ["2 topics selected"])?.hasSuffix("10MB; 2 topics selected") == true)
        #expect(plan.flows[1].sentence() == nil)
        #expect(plan.others == [])
    }

    @Test(
        arguments: [
            ("naming: {mode: identical}", "naming from prefix east. to identical"),
            ("startFrom: earliest", "startFrom from latest to earliest"),
            ("compression: zstd", "compression from keep to zstd"),
            ("delivery: atLeastOnce", "delivery from exactlyOnce to atLeastOnce"),
            ("bufferBytes: 64MiB", "bufferBytes from 32MiB to 64MiB"), ("shards: 3", "shards from none to 3"),
            ("consumerGroups: {rename: {prefix: dr.}}", "consumerGroups.rename.prefix from none to dr."),
            ("loopPrevention: producerIds", "loopPrevention from headers to producerIds"),
        ]) func `what a flow begins with restarts it, and no other`(setting: String, sentence: String) throws
    {
        let old = try config("topics: {allow: [a]}")
        let plan = try plan(old, try config("topics: {allow: [a]}, \(setting)"))

        #expect(plan.flows.map(\.kind) == [.restarts, .stays])
        #expect(plan.flows[0].sentence() == "flow f restarts: \(sentence)")
    }

    @Test(
        arguments: [
            (", clientId: other", "clientId from replicator to other"), (", rack: r1", "rack from none to r1"),
            (", requestTimeout: 5s", "requestTimeout from 30s to 5s"),
            (
                ", securityProtocol: SASL_PLAINTEXT, sasl: {mechanism: PLAIN, username: u, password: hush}",
                "securityProtocol from PLAINTEXT to SASL_PLAINTEXT; sasl changed (not shown)"
            ),
        ]) func `another way to a cluster restarts the flows that use it`(clusters: String, sentence: String) throws
    {
        let old = try config("topics: {allow: [a]}")
        let plan = try plan(old, try config("topics: {allow: [a]}", clusters: clusters))

        #expect(plan.flows.map(\.kind) == [.restarts, .stays])
        #expect(plan.changedClusters == ["east"])
        #expect(
            sentences(plan) == ["flow f restarts: settings of cluster east changed", "cluster east: \(sentence)"])
    }

    @Test func `another password is noticed and not shown`() throws {
        let security = ", securityProtocol: SASL_PLAINTEXT, sasl: {mechanism: PLAIN, username: u, password: "
        let old = try config("topics: {allow: [a]}", clusters: security + "hush}")
        let plan = try plan(old, try config("topics: {allow: [a]}", clusters: security + "whisper}"))

        #expect(plan.changedClusters == ["east"])
        let text = sentences(plan).joined()
        #expect(!text.contains("hush") && !text.contains("whisper"))
    }

    @Test func `what references stand for is not shown, whatever setting it was put to`() throws {
        let old = try config("topics: {allow: [a]}", clusters: ", clientId: \"${env:A}\"", environment: ["A": "hush"])
        let new = try config(
            "topics: {allow: [a]}", clusters: ", clientId: \"${env:A}\"", environment: ["A": "whisper"])

        #expect(try plan(old, new).others == ["cluster east: clientId from ••• to •••"])
    }

    @Test func `the same file again changes nothing`() throws {
        let security = ", securityProtocol: SASL_PLAINTEXT, sasl: {mechanism: PLAIN, username: u, password: p}"
        let settings =
            "topics: {allow: [a], deny: [b]}, naming: {mode: prefix, alias: x}, shards: 2, "
            + "sync: {aclMode: full, principals: {'User:a': 'User:b', 'User:c': 'User:d', 'User:e': 'User:f'}}"
        let http = "listen: \"127.0.0.1:1\", authentication: {users: {a: b, c: d, e: f}}"
        let old = try config(settings, clusters: security, http: http)

        let plan = try plan(old, try config(settings, clusters: security, http: http))

        #expect(plan.flows.map(\.kind) == [.stays, .stays])
        #expect(sentences(plan) == [])
    }

    @Test func `flows come and go`() throws {
        let old = try config("topics: {allow: [a]}")
        var new = old
        new.flows[0].name = "g"

        let plan = try plan(old, new)

        #expect(sentences(plan) == ["flow f removed", "flow g added"])
        #expect(plan.flows.map(\.kind) == [.stops, .starts, .stays])
        #expect(plan.clusters.map(\.name) == ["east", "north", "west"])
    }

    @Test func `clusters that no flow uses any more are looked at no more`() throws {
        let old = try config("topics: {allow: [a]}")
        var new = old
        new.flows.removeLast()

        #expect(try plan(old, new).clusters.map(\.name) == ["east", "west"])
    }

    @Test func `only the flows that the process was asked to run come and go`() throws {
        let old = try config("topics: {allow: [a]}")
        var more = old
        more.flows.append(old.flows[0])
        more.flows[2].name = "g"
        var none = old
        none.flows.removeFirst()

        #expect(try plan(old, more, selected: ["f"]).flows.map(\.kind) == [.stays])
        #expect(
            refusals(old, none, selected: ["f"]) == [
                "none of the flows that the process was asked to run is left: stop the process, if that is meant"
            ])
    }

    @Test func `the address that is listened on cannot change`() throws {
        let old = try config("topics: {allow: [a]}")

        #expect(
            refusals(old, try config("topics: {allow: [b]}", http: "listen: \"127.0.0.1:9000\"")) == [
                "http.listen cannot change while the process runs: restart, or restore the old value"
            ])
        #expect(
            refusals(
                old, try config("topics: {allow: [b]}", http: "listen: \"127.0.0.1:9644\", tls: {certificateFile: c}")
            )
            .count == 1)
    }

    @Test func `the bounds of metrics cannot change`() throws {
        let old = try config("topics: {allow: [a]}")
        var bounded = old
        bounded.series.topics = 5

        #expect(
            refusals(old, bounded) == [
                "http.metrics cannot change while the process runs: restart, or restore the old value"
            ])
    }

    @Test func `what concerns the process is told`() throws {
        let old = try config(
            "topics: {allow: [a]}", http: "listen: \"127.0.0.1:1\", authentication: {users: {ops: hush}}")
        let new = try config(
            "topics: {allow: [a]}",
            http: "listen: \"127.0.0.1:1\", authentication: {users: {ops: whisper}}, allowedHosts: [h], stuckAfter: 2m",
            more: "reload: onChange")

        #expect(old.reload == .onSignal)
        #expect(
            try plan(old, new).others == [
                #"http.allowedHosts now ["h"]"#, "http.authentication changed (not shown)",
                "http.stuckAfter from 1m to 2m", "reload from onSignal to onChange",
            ])
    }

    @Test func `a word that is none for reload is refused`() {
        #expect(throws: InvalidConfiguration.self) { try config("topics: {allow: [a]}", more: "reload: always") }
    }
}
