import Foundation
import Testing

/// The arrows between the engine's folders point in one direction.
@Suite struct EngineFoldersTests {
    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources")

    /// The engine's folders, each of which may use those in front of it.
    private static let folders = [
        "Contract", "OffsetMap", "Progress", "Loops", "Batches", "Recovery", "Partition", "Shard", "Topics", "Metadata",
        "Groups", "Instances", "Flow",
    ]

    private struct Source {
        let folder: String
        let name: String
        let text: String
    }

    private func files(of target: String) throws -> [Source] {
        let root = Self.sources.appending(path: target)
        let found = try #require(FileManager.default.enumerator(atPath: root.path()))
        return try found.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted().map { path in
            let parts = path.split(separator: "/")
            return Source(
                folder: parts.count > 1 ? String(parts[0]) : "", name: path,
                text: try String(contentsOf: root.appending(path: path), encoding: .utf8))
        }
    }

    @Test func `a folder of the engine uses only those in front of it`() throws {
        let files = try files(of: "Replication")
        let declaration =
            /(?m)^(?:(?:public|package|final|indirect) )*(?:struct|class|enum|actor|protocol|typealias) ([A-Z]\w*)/
        var home: [String: Int] = [:]
        for file in files {
            let place = try #require(Self.folders.firstIndex(of: file.folder), "\(file.name) is in no known folder")
            for match in file.text.matches(of: declaration) { home[String(match.1)] = place }
        }
        for file in files {
            let place = try #require(Self.folders.firstIndex(of: file.folder))
            // Comments may point anywhere.
            let code = file.text.replacing(/\/\/[^\n]*/, with: "")
            for word in Set(code.matches(of: /[\w.]+/).map(\.output)) where word.first?.isUppercase == true {
                guard let other = home[String(word.prefix { $0 != "." })] else { continue }
                #expect(other <= place, "\(file.name) uses \(word) of \(Self.folders[other])")
            }
        }
    }
}
