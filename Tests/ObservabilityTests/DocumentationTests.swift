import Foundation
import Observability
import Testing

@Suite struct DocumentationTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appending(path: path), encoding: .utf8)
    }

    @Test(arguments: MetricCatalog.entries.map(\.name)) func `every metric is documented with kind and labels`(
        name: String
    ) throws {
        let entry = try #require(MetricCatalog.entries.first { $0.name == name })
        let labels = entry.labels.map { "`\($0)`" }.joined(separator: ", ")

        #expect(try text("Docs/Metrics.md").contains("| `\(name)` | \(entry.kind.rawValue) | \(labels) | "))
    }

    private static let aboutMetrics = [
        "Docs/Metrics.md", "Docs/replicator-alerts.yaml", "Docs/replicator-dashboard.json",
    ]
    /// README and everything in Docs: pages, alerts and the dashboard.
    private static let documents =
        ["README.md"]
        + ((try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Docs").path)) ?? []).sorted()
        .filter { $0 != "pictures" }.map { "Docs/\($0)" }

    @Test(arguments: documents)
    func `documents, alerts and dashboard use only metrics that exist`(path: String) throws {
        var known: Set<String> = []
        for entry in MetricCatalog.entries {
            known.insert(entry.name)
            guard entry.kind == .histogram else { continue }
            for suffix in ["_bucket", "_sum", "_count"] { known.insert(entry.name + suffix) }
        }

        // Topics of ours begin with underscores.
        let words = try text(path).matches(of: /_*(?:replicator|process)_[a-z_]+/).map { String($0.output) }
        let used = Set(words.filter { !$0.hasPrefix("_") })

        #expect(used.subtracting(known) == [])
        if Self.aboutMetrics.contains(path) { #expect(used.count > 5) }
    }

    @Test func `the metrics registry knows no metric that the sources make and the catalog lacks`() throws {
        let sources = Self.root.appending(path: "Sources")
        let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
        var made: Set<String> = []
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift", let text = try? String(contentsOf: file, encoding: .utf8) else {
                continue
            }
            made.formUnion(
                text.matches(of: /(?:label:\s*|set\(|\[)"((?:replicator|process)_[a-z_]+)"/).map { String($0.output.1) }
            )
        }

        #expect(made.subtracting(MetricCatalog.entries.map(\.name)) == [])
        #expect(made.count > 8)
    }
}
