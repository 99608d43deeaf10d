import Foundation
import Testing

/// Imports between targets point downwards, as Docs/Architecture.md draws them.
@Suite struct TargetDirectionTests {
    /// Targets of this package that each target may import.
    private static let below: [String: Set<String>] = {
        let wire: Set = ["KafkaWire", "KafkaCompression", "CryptoPrimitives"]
        let engine = wire.union(["KafkaClient", "BoundedExpressions", "ForeignErrors", "PlainText"])
        let daemon = engine.union(["Replication", "ReplicatorConfig", "Observability"])
        return [
            "CryptoPrimitives": [],
            "BoundedExpressions": [],
            "PlainText": [],
            "TerminalText": [],
            "ForeignErrors": [],
            "KafkaWire": [],
            "KafkaCompression": ["KafkaWire"],
            // They meet on a socket, as strangers.
            "KafkaClient": wire.union(["ForeignErrors", "PlainText"]),
            "KafkaBroker": wire.union(["BoundedExpressions", "ForeignErrors"]),
            "Replication": engine,
            "ReplicationTools": engine.union(["Replication"]),
            "ReplicatorConfig": engine.union(["Replication"]),
            "Observability": ["CryptoPrimitives", "PlainText"],
            "ReplicatorDaemon": daemon,
            "replicator": daemon.union(["ReplicationTools", "ReplicatorDaemon", "KafkaBroker", "TerminalText"]),
            "replicator-bench": engine.union(["Replication"]),
        ]
    }()

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Targets with sources of Swift; `System` holds module maps.
    private static let targets: [String] = {
        let folders = try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Sources").path)
        return (folders ?? []).filter { $0 != "System" && !$0.hasPrefix(".") }.sorted()
    }()

    /// Names of our targets that files of a target import, each with one of those files.
    private func imports(of target: String) throws -> [String: String] {
        let folder = Self.root.appending(path: "Sources/\(target)")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var found: [String: String] = [:]
        while let file = files.nextObject() as? URL {
            guard file.pathExtension == "swift" else { continue }
            for match in try String(contentsOf: file, encoding: .utf8).matches(of: /(?m)^[@\w ]*?import (?:\w+ )?(\w+)/)
            {
                let name = String(match.output.1)
                if Self.below[name] != nil { found[name] = file.lastPathComponent }
            }
        }
        return found
    }

    @Test func `every target has its place`() {
        #expect(Self.targets.count > 8)
        #expect(Set(Self.targets).subtracting(Self.below.keys) == [])
    }

    @Test(arguments: targets) func `a target imports only those below it`(target: String) throws {
        let allowed = try #require(Self.below[target])
        for (name, file) in try imports(of: target) {
            #expect(allowed.contains(name), "\(target) lies below \(name), or beside it: \(file)")
        }
    }

    @Test(arguments: targets) func `a target names in Package.swift what it imports, and nothing else`(target: String)
        throws
    {
        let package = try String(contentsOf: Self.root.appending(path: "Package.swift"), encoding: .utf8)
        let start = try #require(
            package.firstRange(of: "target(\"\(target)\"") ?? package.firstRange(
                of: "target(\n            \"\(target)\"")
                ?? package.firstRange(of: "executableTarget(\n            name: \"\(target)\""))
        let list = try #require(package[start.upperBound...].firstMatch(of: /\[([^\]]*)\]/))
        let declared = list.output.1.matches(of: /"(\w+)"/).map { String($0.output.1) }.filter { Self.below[$0] != nil }

        #expect(Set(declared) == Set(try imports(of: target).keys))
    }

    @Test func `there is no way back up`() {
        for (target, below) in Self.below {
            #expect(!below.contains(target))
            for lower in below { #expect(Self.below[lower]?.isSubset(of: below) == true, "\(target) → \(lower)") }
        }
    }

    @Test func `client and broker are strangers, and nothing below the tools knows them`() throws {
        #expect(try imports(of: "KafkaClient")["KafkaBroker"] == nil)
        #expect(try imports(of: "KafkaBroker")["KafkaClient"] == nil)
        for target in Self.targets where target != "ReplicationTools" && target != "replicator" {
            #expect(try imports(of: target)["ReplicationTools"] == nil, "\(target)")
        }
    }
}
