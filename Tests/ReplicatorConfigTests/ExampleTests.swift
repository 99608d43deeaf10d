import Foundation
import KafkaClient
import Replication
import ReplicatorConfig
import Testing

@Suite struct ExampleTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test func `the example is valid as it is`() throws {
        let config = try ConfigFile.load(Self.root.appending(path: "replicator.yaml.example").path, environment: [:])

        #expect(config.flows.map(\.name) == ["east-to-west"])
        #expect(config.http?.port == 9644)
    }

    @Test func `what the example leaves out of http is valid as well`() throws {
        let text = try String(contentsOf: Self.root.appending(path: "replicator.yaml.example"), encoding: .utf8)
        let start = try #require(text.firstRange(of: "\nhttp:"))
        let whole =
            text[..<start.upperBound]
            + text[start.upperBound...].replacing(/\n  # (\w+: [\[{].*)/) { "\n  \($0.output.1)" }

        let access = try ConfigFile.parse(
            String(whole), file: "example", environment: ["OPS_PASSWORD": "a", "SCRAPER_TOKEN": "b"]
        ).httpAccess

        #expect(access.allowedHosts.count == 1)
        #expect(access.authentication?.users.count == 1)
        #expect(access.authentication?.tokens.count == 1)
        #expect(access.tls != nil)
    }

    /// Whole configurations in README and Docs: blocks of YAML with clusters and flows.
    private static let examples: [(document: String, text: String)] = {
        let folder = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Docs").path)) ?? []
        let pages = ["README.md"] + folder.filter { $0.hasSuffix(".md") }.sorted().map { "Docs/\($0)" }
        return pages.flatMap { page in
            let text = (try? String(contentsOf: root.appending(path: page), encoding: .utf8)) ?? ""
            return text.matches(of: /```yaml\n((?s:.*?))```/).map { (page, String($0.output.1)) }
                .filter { $0.1.contains(/(?m)^clusters:/) && $0.1.contains(/(?m)^flows:/) }
        }
    }()

    @Test func `configurations in the documents are valid as they are`() throws {
        for (document, text) in Self.examples {
            let secrets = text.matches(of: /\$\{env:(\w+)\}/).map { (String($0.output.1), "secret") }
            #expect(throws: Never.self, "\(document): \(text)") {
                try ConfigFile.parse(
                    text, file: document, environment: Dictionary(secrets) { first, _ in first })
            }
        }
        #expect(Self.examples.count > 2)
    }

    /// The report of an unknown key lists the known ones, which makes it the list of what has to be documented.
    @Test(arguments: [
        ("clusters: {a: {x: 1}}", "clusters.a"), ("clusters: {a: {tls: {x: 1}}}", "clusters.a.tls"),
        ("clusters: {a: {sasl: {x: 1}}}", "clusters.a.sasl"),
        ("clusters: {a: {sasl: {mechanism: OAUTHBEARER, oauth: {x: 1}}}}", "clusters.a.sasl.oauth"),
        ("clusters: {a: {sasl: {mechanism: AWS_MSK_IAM, aws: {x: 1}}}}", "clusters.a.sasl.aws"),
        ("flows: [{x: 1}]", "flows[0]"),
        ("flows: [{naming: {x: 1}}]", "flows[0].naming"), ("flows: [{sync: {x: 1}}]", "flows[0].sync"),
        ("flows: [{topics: {x: 1}}]", "flows[0].topics"), ("flows: [{limits: {x: 1}}]", "flows[0].limits"),
        ("http: {x: 1}", "http"), ("x: 1", ""),
    ])
    func `every key is documented`(text: String, path: String) throws {
        let error = #expect(throws: InvalidConfiguration.self) {
            try ConfigFile.parse(text, file: "f", environment: [:])
        }
        let problem = try #require(error?.problems.first { $0.message.hasPrefix("unknown key; known here: ") })
        let documentation = try String(contentsOf: Self.root.appending(path: "Docs/Configuration.md"), encoding: .utf8)

        #expect(problem.path == (path.isEmpty ? "x" : "\(path).x"))
        for key in problem.message.dropFirst("unknown key; known here: ".count).split(separator: ", ") {
            #expect(
                ["`\(key)`", ".\(key)`", "`\(key).", "`\(key)["].contains { documentation.contains($0) },
                "\(path).\(key) is not in Docs/Configuration.md")
        }
    }
}
