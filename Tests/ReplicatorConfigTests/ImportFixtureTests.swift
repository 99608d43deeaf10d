import Foundation
import ReplicatorConfig
import Testing

/// Configurations as people have them, each beside what becomes of it. Every secret in them holds the word `hunter2`.
@Suite struct ImportFixtureTests {
    private static let folder = Bundle.module.bundleURL.appending(path: "Fixtures/Import")
    private static let ending = ".expected.yaml"

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { !$0.hasSuffix(ending) }.sorted()
    }()

    private func text(_ name: String) throws -> String {
        try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
    }

    @Test func `there are at least twenty`() {
        #expect(Self.names.count >= 20)
    }

    @Test(arguments: names)
    func `becomes what stands beside it`(name: String) throws {
        let imported = try ImportedConfiguration.read(try text(name))

        #expect(imported.yaml == (try text(name + Self.ending)))
    }

    @Test func `the example of the documents is what import says and writes`() throws {
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Docs/Comparison.md")
        let document = try String(contentsOf: page, encoding: .utf8)
        func block(_ language: String) throws -> String {
            let start = try #require(document.firstRange(of: "```\(language)\n"))
            let end = try #require(document[start.upperBound...].firstRange(of: "```"))
            return String(document[start.upperBound..<end.lowerBound])
        }
        let imported = try ImportedConfiguration.read(try block("properties"))
        let said = imported.groupedRemarks.flatMap { [$0.title] + $0.remarks }.map { "mm2.properties: \($0)\n" }

        #expect(try block("text") == said.joined())
        #expect(imported.yaml.hasSuffix("\n\n" + (try block("yaml"))))
    }

    @Test(arguments: names)
    func `becomes a file that is valid as it is, without any secret`(name: String) throws {
        let imported = try ImportedConfiguration.read(try text(name))

        #expect(!imported.yaml.contains("hunter2"))
        #expect(!imported.allRemarks.contains { $0.contains("hunter2") })
        #expect(throws: Never.self) { try imported.check() }
    }
}

extension ImportedConfiguration {
    /// The configuration as `run` would read it once everything is set that the file refers to.
    @discardableResult
    func check() throws -> ConfigFile {
        var environment: [String: String] = [:]
        var lines: [String] = []
        for line in yaml.split(separator: "\n") {
            let key = line.prefix { $0 != ":" }
            for match in line.matches(of: /\$\{env:([^}]+)\}/) { environment[String(match.output.1)] = "set" }
            // What stands for an address has to be one, and files of secrets are not there.
            if key.hasSuffix("bootstrapServers"), line.contains("${") {
                lines.append("\(key): \"host-\(lines.count).example:9092\"")
            } else if key.hasSuffix("tokenEndpoint"), line.contains("${") {
                lines.append("\(key): \"https://login.example/token\"")
            } else {
                lines.append(String(line.replacing(/\$\{file:[^}]+\}/, with: "set")))
            }
        }
        return try ConfigFile.parse(lines.joined(separator: "\n"), file: "imported", environment: environment)
    }
}
