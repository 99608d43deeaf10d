import Foundation
import Observability
import Testing

@Suite struct StatusPageTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources/Observability/Page")

    private func file(_ name: String) throws -> String {
        try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
    }

    @Test(arguments: ["page.css", "plots.js", "map.js", "flows.js", "live.js"])
    func `each part is in the document as it is in its file`(name: String) throws {
        #expect(StatusPage.html.contains(try file(name)))
        #expect(!StatusPage.html.contains(name))
    }

    @Test func `without its parts the document is the file`() throws {
        var rest = StatusPage.html + "\n"
        let scripts = ["plots.js", "map.js", "flows.js", "live.js"]
        rest.replace(
            "<script>\n\(try scripts.map(file).joined())</script>",
            with: scripts.map { "<script src=\"\($0)\"></script>" }.joined(separator: "\n"))
        rest.replace("<style>\n\(try file("page.css"))</style>", with: "<link rel=\"stylesheet\" href=\"page.css\">")

        #expect(rest == (try file("page.html")))
    }

    @Test func `the document loads nothing from elsewhere`() {
        #expect(!StatusPage.html.contains("src="))
        #expect(!StatusPage.html.contains("@import"))
        let links = StatusPage.html.matches(of: /<link [^>]*href="([^"]*)"/).map { String($0.output.1) }
        #expect(links == ["data:,"])
    }
}
