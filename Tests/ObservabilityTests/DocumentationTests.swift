import Foundation
import Observability
import Testing

@Suite struct DocumentationTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test(arguments: MetricCatalog.entries.map(\.name)) func `every metric is documented`(name: String) throws {
        let text = try String(contentsOf: Self.root.appending(path: "Docs/Metrics.md"), encoding: .utf8)

        #expect(text.contains("| `\(name)"))
    }
}
