import ClusterTestSupport
import Foundation
import KafkaBroker
import KafkaWire
import TestSupport
import Testing

/// A data directory belongs to one broker, and only what is that broker's is touched.
@Suite(.timeLimit(.minutes(1))) struct DataDirectoryTests {
    private let directory: String
    private let files = FileManager.default

    init() throws {
        directory = try TemporaryDirectory().path + "/data"
    }

    private func write(_ path: String, _ text: String) throws {
        let url = URL(filePath: "\(directory)/\(path)")
        try files.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    private func path(_ name: String) -> String { "\(directory)/\(name)" }

    /// Everything below the directory, links as what they point to.
    private func tree() throws -> [String: Data] {
        var found: [String: Data] = [:]
        for name in try files.subpathsOfDirectory(atPath: directory) {
            let attributes = try files.attributesOfItem(atPath: path(name))
            switch attributes[.type] as? FileAttributeType {
            case .typeSymbolicLink?: found[name] = Data(try files.destinationOfSymbolicLink(atPath: path(name)).utf8)
            case .typeRegular?: found[name] = try Data(contentsOf: URL(filePath: path(name)))
            default: found[name] = Data()
            }
        }
        return found
    }

    /// Starts a cluster that must not start, and returns why it does not.
    private func refusal() async throws -> String {
        let before = try tree()
        let error = await #expect(throws: BrokerError.self) {
            try await withCluster(dataDirectory: directory) { _ in }
        }
        #expect(try tree().filter { $0.key != ".lock" } == before.filter { $0.key != ".lock" }, "something changed")
        guard case .storage(let reason)? = error else { return "another error: \(String(describing: error))" }
        return reason
    }

    private func fill() async throws {
        try await withCluster(dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                for topic in ["orders", "payments"] {
                    try await connection.createTopic(topic, partitions: 1)
                    _ = try await connection.produce(["a", "b"], to: topic)
                }
            }
        }
    }

    private func values(_ topic: String) async throws -> [String] {
        try await withCluster(dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { try await $0.fetch(topic).values() }
        }
    }

    @Test(arguments: [
        ["notes.txt"], ["orders-0/00000000000000000000.log", "backup-2024/x", "photos.deleted/y"],
        ["a-0.0123456789abcdef0123456789abcdef-delete/z"], [".hidden"], ["lost+found"],
    ]) func `a foreign directory is refused as it is`(_ names: [String]) async throws {
        for name in names { try write(name, "precious") }
        let reason = try await refusal()
        #expect(reason.contains("is not empty and not a data directory of this broker"))
        #expect(!files.fileExists(atPath: path(".lock")))
    }

    @Test(arguments: ["version=1\ncluster.id=a\nnode.id=1\n", "", "replicator.format=9\nversion=1\ncluster.id=a\n"])
    func `a directory that names another owner is refused as it is`(_ text: String) async throws {
        try write("meta.properties", text)
        try write("orders-0/00000000000000000000.log", "precious")
        #expect(try await refusal().contains("nothing in it was changed"))
        #expect(!files.fileExists(atPath: path(".lock")))
    }

    @Test func `links in an otherwise empty directory make it a foreign one`() async throws {
        let target = try TemporaryDirectory().path
        try Data("precious".utf8).write(to: URL(filePath: target + "/keep"))
        for name in ["stray-0", "cluster.journal.tmp", ".lock", "meta.properties.tmp"] {
            try? files.removeItem(atPath: directory)
            try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try files.createSymbolicLink(atPath: path(name), withDestinationPath: target + "/keep")
            #expect(try await refusal().contains("is not empty"))
        }
        #expect(try String(contentsOfFile: target + "/keep", encoding: .utf8) == "precious")
    }

    @Test func `nodes keep the ids that the directory was begun with`() async throws {
        try await withCluster(nodes: 2, firstNodeID: 0, dataDirectory: directory) { cluster in
            #expect(cluster.nodeIDs == [0, 1])
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws -> Void in
                try await connection.createTopic("t", partitions: 2, replicas: 2)
            }
        }
        try await withCluster(nodes: 2, dataDirectory: directory) { cluster in
            #expect(cluster.nodeIDs == [0, 1])
            #expect(await cluster.leader(topic: "t", partition: 0) != nil)
        }
        let error = await #expect(throws: BrokerError.self) {
            try await withCluster(nodes: 2, firstNodeID: 1, dataDirectory: directory) { _ in }
        }
        #expect(error.map { "\($0)".contains("nodes from 0 on") } == true)
    }

    @Test func `a new directory gets an identity, for its owner alone`() async throws {
        let id = try await withCluster(dataDirectory: directory) { $0.clusterID }
        let identity = try DirectoryIdentity(parsing: String(contentsOfFile: path("meta.properties"), encoding: .utf8))
        #expect(identity.clusterID == id)
        func mode(_ name: String) throws -> Int? {
            try files.attributesOfItem(atPath: path(name))[.posixPermissions] as? Int
        }
        #expect(try mode("") == 0o700)
        for name in ["meta.properties", "cluster.journal", ".lock"] { #expect(try mode(name) == 0o600, "\(name)") }
    }

    @Test func `a start that ended before its journal was written is made up for`() async throws {
        try write("meta.properties", DirectoryIdentity(clusterID: "mine", directoryID: "d").text)
        try write("meta.properties.tmp", "half a fi")
        try write("cluster.journal.tmp", "half a journ")
        #expect(try await withCluster(dataDirectory: directory) { $0.clusterID } == "mine")
    }

    @Test func `a directory of an earlier version is opened and gets its identity`() async throws {
        try await fill()
        let identity = try String(contentsOfFile: path("meta.properties"), encoding: .utf8)
        for name in ["meta.properties", ".lock"] { try files.removeItem(atPath: path(name)) }
        #expect(try await values("orders") == ["a", "b"])
        let again = try DirectoryIdentity(parsing: String(contentsOfFile: path("meta.properties"), encoding: .utf8))
        #expect(try again.clusterID == DirectoryIdentity(parsing: identity).clusterID)
    }

    @Test func `two brokers do not share a directory`() async throws {
        try await fill()
        try await withCluster(dataDirectory: directory) { _ in
            let error = await #expect(throws: BrokerError.self) {
                try await withCluster(dataDirectory: directory) { _ in }
            }
            #expect("\(String(describing: error))".contains("in use by process \(getpid())"))
        }
        #expect(try await values("orders") == ["a", "b"])
    }

    @Test func `a start that fails gives the directory back`() async throws {
        try await withCluster { other in
            _ = await #expect(throws: BrokerError.self) {
                _ = try await EmbeddedCluster.start(BrokerSettings(port: other.ports[0], dataDirectory: directory))
            }
        }
        try await withCluster(dataDirectory: directory) { _ in }
    }

    @Test func `logs without a journal are not taken for strays`() async throws {
        try await fill()
        try files.removeItem(atPath: path("cluster.journal"))
        #expect(try await refusal().contains("cluster.journal is missing"))
    }

    @Test func `a flipped bit in the journal is refused with its place, and mended by the file that was`() async throws
    {
        try await fill()
        let journal = URL(filePath: path("cluster.journal"))
        let whole = try Data(contentsOf: journal)
        for place in [0, 10, whole.count / 2] {
            var damaged = whole
            damaged[place] ^= 1
            try damaged.write(to: journal)
            let reason = try await refusal()
            #expect(reason.contains("cluster.journal") && reason.contains("at byte") && reason.contains("is damaged"))
        }
        for text in ["", "x"] {
            try Data(text.utf8).write(to: journal)
            #expect(try await refusal().contains("the cluster's id is missing"))
        }
        try whole.write(to: journal)
        #expect(try await values("orders") == ["a", "b"])
    }

    @Test func `a journal that ends within what a start wrote whole is refused`() async throws {
        try await fill()
        try await withCluster(dataDirectory: directory) { _ in }
        let journal = URL(filePath: path("cluster.journal"))
        let whole = try Data(contentsOf: journal)
        for end in stride(from: 1, to: whole.count, by: 7) {
            try whole[..<end].write(to: journal)
            #expect(try await refusal().contains("is damaged"))
        }
        try (whole + [0, 0, 0, 40, 1]).write(to: journal)
        #expect(try await values("payments") == ["a", "b"])
    }

    @Test func `identity and journal name the same cluster`() async throws {
        try await fill()
        try write("meta.properties", DirectoryIdentity(clusterID: "another", directoryID: "d").text)
        #expect(try await refusal().contains("one of the files comes from another data directory"))
    }

    @Test func `logs that the journal does not know are set aside with what they hold`() async throws {
        try await fill()
        let target = try TemporaryDirectory().path
        try write("unknown-0/00000000000000000000.log", "precious")
        try write("orders-7/deep/er", "precious")
        try write("photos.deleted/x", "precious")
        try write("a-0.0123456789abcdef0123456789abcdef-delete/y", "precious")
        try write("file-0", "precious")
        try files.createSymbolicLink(atPath: path("link-0"), withDestinationPath: target)

        #expect(try await values("orders") == ["a", "b"])

        let names = try files.contentsOfDirectory(atPath: directory)
        let strays = names.filter { $0.hasSuffix("-stray") }.sorted()
        #expect(strays.count == 2 && strays[0].hasPrefix("orders-7.") && strays[1].hasPrefix("unknown-0."))
        #expect(try String(contentsOfFile: path(strays[0] + "/deep/er"), encoding: .utf8) == "precious")
        for name in ["photos.deleted/x", "a-0.0123456789abcdef0123456789abcdef-delete/y", "file-0"] {
            #expect(try String(contentsOfFile: path(name), encoding: .utf8) == "precious")
        }
        #expect(try files.destinationOfSymbolicLink(atPath: path("link-0")) == target)
        try await withCluster(dataDirectory: directory) { _ in }
        #expect(try files.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix("-stray") }.sorted() == strays)
    }

    @Test func `what the journal says is deleted is removed, and its name can be used again`() async throws {
        let id = try await withCluster(dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let id = try await connection.createTopic("gone", partitions: 1).topicID
                var delete = DeleteTopicsRequest()
                delete.topicNames = ["gone"]
                _ = try await connection.send(delete, version: 5)
                return id
            }
        }
        let left = LogDirectoryName.deleted("gone-0", id)
        try write("\(left)/00000000000000000000.log", "deleted records")
        try await withCluster(dataDirectory: directory) { cluster in
            #expect(!files.fileExists(atPath: path(left)))
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("gone", partitions: 1)
                #expect(try await connection.fetch("gone").values() == [])
            }
        }
    }

    @Test func `a partition whose directory is a link is offline, and the others work`() async throws {
        try await fill()
        let target = try TemporaryDirectory().path
        try files.moveItem(atPath: path("orders-0"), toPath: target + "/orders-0")
        try files.createSymbolicLink(atPath: path("orders-0"), withDestinationPath: target + "/orders-0")
        let before = try files.contentsOfDirectory(atPath: target + "/orders-0")

        try await withCluster(dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                #expect(try await connection.fetch("payments").values() == ["a", "b"])
                let refused = try await connection.produce(["c"], to: "orders")
                #expect(refused.errorCode == .kafkaStorageError)
            }
        }
        #expect(try files.contentsOfDirectory(atPath: target + "/orders-0") == before)
        try files.removeItem(atPath: path("orders-0"))
        try files.moveItem(atPath: target + "/orders-0", toPath: path("orders-0"))
        #expect(try await values("orders") == ["a", "b"])
    }

    @Test func `a draft of the journal that is a link is not written through`() async throws {
        try await fill()
        let target = try TemporaryDirectory().path + "/keep"
        try Data("precious".utf8).write(to: URL(filePath: target))
        try files.createSymbolicLink(atPath: path("cluster.journal.tmp"), withDestinationPath: target)
        #expect(try await values("orders") == ["a", "b"])
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "precious")
    }

    @Test func `a log whose directory is gone begins empty, and the others stay`() async throws {
        try await fill()
        try files.removeItem(atPath: path("orders-0"))
        #expect(try await values("orders") == [])
        #expect(try await values("payments") == ["a", "b"])
    }

    @Test func `a leader epoch far ahead, which no checksum covers, is not counted on from`() async throws {
        try await fill()
        let log = URL(filePath: path("orders-0/00000000000000000000.log"))
        var data = try Data(contentsOf: log)
        data.replaceSubrange(12..<16, with: [0x7F, 0xFF, 0xFF, 0xFE])
        try data.write(to: log)
        for name in ["log-checkpoint", "leader-epoch-checkpoint"] {
            try? files.removeItem(atPath: path("orders-0/\(name)"))
        }
        for _ in 0..<3 { #expect(try await values("payments") == ["a", "b"]) }
    }
}
