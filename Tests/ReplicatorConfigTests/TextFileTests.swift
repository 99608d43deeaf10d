import Foundation
import ReplicatorConfig
import Testing

@Suite struct TextFileTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "text-file-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func file(_ bytes: [UInt8]) throws -> String {
        let url = folder.appending(path: "file")
        try Data(bytes).write(to: url)
        return url.path
    }

    @Test func `a pipe is read to its end`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let pipe = Pipe()
        let text = String(repeating: "configuration\n", count: 1_000)
        try pipe.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try pipe.fileHandleForWriting.close()

        #expect(try TextFile.read("/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)") == text)
    }

    @Test func `what cannot be read is told in words`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let broken = try file([0x61, 0xFF, 0x62])

        for (path, reason) in [
            (folder.path, "it is a directory"), (folder.path + "/missing", "no such file"),
            (broken + "/x", "a part of its path is not a directory"), (broken, "it is not UTF-8 text"),
            ("/dev/zero", "it is larger than 16 MiB"),
        ] {
            let failure = #expect(throws: UnreadableFile.self) { try TextFile.read(path) }
            #expect(failure?.description == reason)
        }
    }

    @Test func `properties of Java may be Latin-1`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = try file(Array("clusters = M".utf8) + [0xFC])

        #expect(try TextFile.read(path, as: .utf8OrLatin1) == "clusters = Mü")
    }

    @Test func `a configuration that cannot be read names the file and the reason`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }

        let failure = #expect(throws: InvalidConfiguration.self) { try ConfigFile.load(folder.path) }
        #expect(
            failure?.problems.map(\.message)
                == ["cannot read the configuration: it is a directory; name another file with --config"])
    }
}
