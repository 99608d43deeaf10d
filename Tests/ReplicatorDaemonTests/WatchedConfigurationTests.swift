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

    /// Starts with `before`, and reads each text, taking over what may be.
    ///
    /// - Returns: what kind of change each was for its flow, or why it was refused.
    private func read(_ before: String, _ texts: String...) async throws -> [Result<ReloadPlan, ReloadRefusal>] {
        var results: [Result<ReloadPlan, ReloadRefusal>] = []
        try await withFiles(["replicator.yaml": before]) { files in
            let file = files["replicator.yaml"]
            let current = try ConfigFile.load(
                file, identity: ClientIdentity(name: "program", version: "1.2", metricsPrefix: "program"))
            var configuration = WatchedConfiguration(file: file, selected: nil, current: current)
            for text in texts {
                try files.write(text, "replicator.yaml")
                do throws(ReloadRefusal) {
                    let proposal = try configuration.read(running: configuration.flows)
                    _ = configuration.take(proposal)
                    results.append(.success(proposal.plan))
                } catch {
                    results.append(.failure(error))
                }
            }
        }
        return results
    }

    private func refusals(_ result: Result<ReloadPlan, ReloadRefusal>) -> [String] {
        if case .failure(let refusal) = result { refusal.reasons } else { [] }
    }

    @Test func `topics may change`() async throws {
        let results = try await read(text("topics: {allow: [a]}"), text("topics: {allow: [b]}"))

        let plan = try results[0].get()
        #expect(plan.flows.map(\.kind) == [.adapts])
        #expect("\(plan.flows[0].settings.topics.allow)".contains("b"))
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
                file: files["replicator.yaml"], selected: nil, current: current, access: access)
            var warnings: [String] = []
            func reload(_ text: String) throws -> [String] {
                try files.write(text, "replicator.yaml")
                do throws(ReloadRefusal) {
                    warnings = configuration.take(try configuration.read(running: current.flows))
                    return []
                } catch {
                    return error.reasons
                }
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
            #expect(warnings == [configuration.exposure])
            #expect(configuration.exposure?.contains("pause and resume") == true)
        }
    }

    @Test func `a file that cannot be read is refused with its place, and the one before stays in force`() async throws
    {
        let before = text("topics: {allow: [a]}")

        let results = try await read(before, text("topics: {alow: [b]}"), before)

        // The key that is unknown, and the one that is missing.
        #expect(refusals(results[0]).allSatisfy { $0.contains("replicator.yaml:5") })
        #expect(!refusals(results[0]).isEmpty)
        #expect(try results[1].get().flows.map(\.kind) == [.stays])
    }

    @Test func `what is refused is compared with again`() async throws {
        let changed = text("topics: {allow: [a]}") + "\nhttp: {listen: \"127.0.0.1:9\"}"

        let results = try await read(text("topics: {allow: [a]}"), changed, changed)

        #expect(results.map { refusals($0).count } == [1, 1])
        #expect(refusals(results[1])[0].hasPrefix("http.listen cannot change while the process runs"))
    }

    @Test func `a report is JSON`() {
        #expect(
            ReloadReport(time: 3, isApplied: true, messages: ["flow a/b added"]).json
                == #"{"isApplied":true,"messages":["flow a/b added"],"time":3}"#)
    }
}
