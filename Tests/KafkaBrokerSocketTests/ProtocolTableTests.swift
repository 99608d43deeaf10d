import ClusterTestSupport
import Foundation
import KafkaBroker
import KafkaClient
import KafkaWire
import Testing

/// The table in `Docs/Protocol.md` is what the code says: what messages are defined for, what the client sends, what a
/// broker answers to ApiVersions.
@Suite(.timeLimit(.minutes(1))) struct ProtocolTableTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let page = root.appending(path: "Docs/Protocol.md")
    private static let begin = "<!-- table: made by `make docs` -->\n"
    private static let end = "<!-- end of the table -->\n"

    @Test func `the protocol table is what the code says`() async throws {
        let table = try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let answer = try await connection.send(ApiVersionsRequest(), version: 0)
                try #require(answer.errorCode == .none && !answer.apiKeys.isEmpty)
                return Self.table(served: NegotiatedVersions(answer))
            }
        }
        let text = try String(contentsOf: Self.page, encoding: .utf8)
        let begin = try #require(text.range(of: Self.begin), "Docs/Protocol.md has lost the mark in front of its table")
        let end = try #require(text.range(of: Self.end), "Docs/Protocol.md has lost the mark behind its table")
        let fresh = text.replacingCharacters(in: begin.upperBound..<end.lowerBound, with: table)

        if ProcessInfo.processInfo.environment["REPLICATOR_WRITE_DOCS"] != nil {
            try fresh.write(to: Self.page, atomically: true, encoding: .utf8)
        } else {
            #expect(text == fresh, "Docs/Protocol.md is not up to date: `make docs` writes its table anew")
        }
    }

    @Test func `every request that the client makes is in its table of versions`() throws {
        var made: Set<String> = []
        for target in ["KafkaClient", "Replication", "replicator"] {
            let files = FileManager.default.enumerator(
                at: Self.root.appending(path: "Sources/\(target)"), includingPropertiesForKeys: nil)
            while let file = files?.nextObject() as? URL {
                guard file.pathExtension == "swift", let text = try? String(contentsOf: file, encoding: .utf8) else {
                    continue
                }
                made.formUnion(text.matches(of: /\b([A-Z][A-Za-z]+)Request\(\)/).map { String($0.output.1) })
            }
        }
        let apis = Set(ApiKey.definedRequests.map { "\($0.apiKey)" })

        #expect(made.intersection(apis) == Set(ClientVersions.sent.keys.map { "\($0)" }))
        #expect(made.count > 20)
    }

    @Test(arguments: ClientVersions.sent.keys.sorted { $0.rawValue < $1.rawValue })
    func `the client sends no version that is not defined`(api: ApiKey) throws {
        let request = try #require(ApiKey.definedRequests.first { $0.apiKey == api })
        let sent = try #require(ClientVersions.sent[api])

        #expect(request.versions.range.contains(sent.lowerBound))
        #expect(request.versions.range.contains(sent.upperBound))
    }

    private static func table(served: NegotiatedVersions) -> String {
        var lines = [
            "| key | request | defined | flexible from | client sends | broker serves |", "|---|---|---|---|---|---|",
        ]
        for request in ApiKey.definedRequests.sorted(by: { $0.apiKey.rawValue < $1.apiKey.rawValue }) {
            let versions = request.versions
            let cells = [
                "\(request.apiKey.rawValue)", "\(request.apiKey)", text(versions.range),
                versions.range.first { versions.isFlexible($0) }.map { "\($0)" } ?? "–",
                text(ClientVersions.sent[request.apiKey]), text(served.range(of: request.apiKey)),
            ]
            lines.append("| " + cells.joined(separator: " | ") + " |")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func text(_ versions: ClosedRange<Int16>?) -> String {
        guard let versions else { return "–" }
        return versions.count == 1 ? "\(versions.lowerBound)" : "\(versions.lowerBound)–\(versions.upperBound)"
    }
}
