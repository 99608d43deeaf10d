import KafkaClient
import Observability
import Replication
import ReplicatorConfig
import ReplicatorDaemon
import TestSupport
import Testing

@Suite struct WatchedConfigurationTests {
    private func text(_ flow: String) -> String {
        """
        clusters:
          east: {bootstrapServers: "127.0.0.1:9092"}
          west: {bootstrapServers: "127.0.0.1:9192"}
        flows:
          - {name: there, source: east, target: west, \(flow)}
        """
    }

    /// Starts with `before`, and reloads once for each text.
    private func reload(_ before: String, _ texts: String...) async throws -> [ReloadPlan] {
        var plans: [ReloadPlan] = []
        try await withFiles(["replicator.yaml": before]) { files in
            let file = files["replicator.yaml"]
            let current = try ConfigFile.load(
                file, identity: ClientIdentity(name: "program", version: "1.2", metricsPrefix: "program"))
            var running = current.flows
            var configuration = WatchedConfiguration(file: file, runsAll: true, current: current)
            for text in texts {
                try files.write(text, "replicator.yaml")
                let plan = configuration.reload(running: running)
                if case .apply(let settings) = plan { running = settings }
                plans.append(plan)
            }
        }
        return plans
    }

    private func refusals(_ plan: ReloadPlan) -> [String] {
        if case .refuse(let reasons) = plan { reasons } else { [] }
    }

    @Test func `topics may change`() async throws {
        let plans = try await reload(text("topics: {allow: [a]}"), text("topics: {allow: [b]}"))

        guard case .apply(let settings) = plans[0] else {
            Issue.record("refused: \(refusals(plans[0]))")
            return
        }
        #expect(settings.map { "\($0.topics.allow)" }.first?.contains("b") == true)
    }

    @Test func `who may use the HTTP address changes with the file, or nothing does`() async throws {
        func file(_ http: String) -> String {
            text("topics: {allow: [a]}") + "\nhttp: {listen: \"0.0.0.0:1\", \(http)}"
        }
        let one = file("authentication: {users: {ops: one}}")
        try await withFiles(["replicator.yaml": one, "empty": "\n"]) { files in
            let current = try ConfigFile.load(files["replicator.yaml"])
            let access = HTTPAccess(try HTTPAccess.Rules(current.httpAccess, listeningOn: "0.0.0.0"))
            var configuration = WatchedConfiguration(
                file: files["replicator.yaml"], runsAll: true, current: current, access: access)
            func reload(_ text: String) throws -> [String] {
                try files.write(text, "replicator.yaml")
                return refusals(configuration.reload(running: current.flows))
            }
            func isOne() -> Bool {
                // ops:one
                access.decide(authorization: "Basic b3BzOm9uZQ==", needed: .act, from: ClientAddress(nil))
                    == .allowed(.act)
            }
            #expect(isOne())
            #expect(configuration.exposure?.contains("in the clear") == true)

            let empty = try reload(file("authentication: {users: {ops: \"${file:\(files["empty"])}\"}}"))
            #expect(empty[0].contains("is empty"))
            #expect(isOne())
            let encrypted = try reload(file("tls: {certificateFile: /nowhere}"))
            #expect(encrypted[0].contains("http.tls cannot come or go"))
            #expect(isOne())
            let two = try reload(file("authentication: {users: {ops: two}}"))
            #expect(two == [])
            #expect(!isOne())
            let open = try reload(file("allowedHosts: [a]"))
            #expect(open == [])
            #expect(isOne())
            #expect(configuration.exposure?.contains("pause and resume") == true)
        }
    }

    @Test func `a file that cannot be read is refused with its place, and the one before stays in force`() async throws
    {
        let before = text("topics: {allow: [a]}")

        let plans = try await reload(before, text("topics: {alow: [b]}"), before)

        #expect(refusals(plans[0]).count == 1)
        #expect(refusals(plans[0])[0].contains("replicator.yaml:5"))
        guard case .apply = plans[1] else {
            Issue.record("refused: \(refusals(plans[1]))")
            return
        }
    }

    @Test func `what is refused is compared with again`() async throws {
        let changed = text("topics: {allow: [a]}") + "\nhttp: {listen: \"127.0.0.1:9\"}"

        let plans = try await reload(text("topics: {allow: [a]}"), changed, changed)

        #expect(plans.map { refusals($0).count } == [1, 1])
        #expect(refusals(plans[1])[0].hasPrefix("http cannot change while the process runs"))
    }

    @Test(arguments: [
        (ReloadPlan.refuse(["no"]), false, ["no"]),
        (.apply([]), true, ["topics, consumerGroups, policies, sync and limits of f.yaml"]),
    ])
    func `a report says what was taken over, or why nothing was`(plan: ReloadPlan, isApplied: Bool, messages: [String])
    {
        let report = ReloadReport(plan, file: "f.yaml", time: 3)

        #expect(report.isApplied == isApplied)
        #expect(report.messages == messages)
        #expect(report.time == 3)
    }
}
