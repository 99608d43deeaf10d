import Foundation
import ReplicatorConfig
import TestSupport
import Testing

@Suite struct ConfigurationContentsTests {
    @Test func `a file and what it refers to are compared by content`() async throws {
        try await withFiles(["secret": "one\n", "pem": "x"]) { files in
            let text = "password: \"${file:\(files["secret"])}\"\nother: ${env:HOME}\n# ${file:never closed\n"
            try files.write(text, "replicator.yaml")
            func contents() -> ConfigurationContents {
                var contents = ConfigurationContents(of: files["replicator.yaml"])
                contents.add([files["pem"]])
                return contents
            }
            let before = contents()

            try files.write(text, "replicator.yaml")
            try files.write("one\n", "secret")
            #expect(contents() == before)

            try files.write("two\n", "secret")
            #expect(contents() != before)
            #expect(contents().changes(since: before) == [files["secret"]])

            try files.write("y", "pem")
            #expect(contents().changes(since: before) == [files["pem"], files["secret"]])

            try files.write("one\n", "secret")
            try files.write("x", "pem")
            #expect(contents() == before)
            try files.write(text + "#", "replicator.yaml")
            #expect(contents() != before)
            #expect(contents().changes(since: before) == [])
        }
    }

    @Test func `a file that goes and comes back is another one meanwhile`() async throws {
        try await withFiles(["replicator.yaml": "a: b"]) { files in
            let before = ConfigurationContents(of: files["replicator.yaml"])
            try files.remove("replicator.yaml")
            let gone = ConfigurationContents(of: files["replicator.yaml"])
            #expect(gone != before)
            #expect(gone == ConfigurationContents(of: files["replicator.yaml"]))
            try files.write("a: b", "replicator.yaml")
            #expect(ConfigurationContents(of: files["replicator.yaml"]) == before)
        }
    }

    @Test func `a symbolic link that is swapped is another file`() async throws {
        try await withFiles([:]) { files in
            // As a mounted ConfigMap is changed: the file is a link through a folder that is a link.
            let manager = FileManager.default
            for (name, text) in [("..1", "a: 1"), ("..2", "a: 2")] {
                try manager.createDirectory(atPath: files[name], withIntermediateDirectories: false)
                try files.write(text, "\(name)/replicator.yaml")
            }
            try manager.createSymbolicLink(atPath: files["..data"], withDestinationPath: "..1")
            try manager.createSymbolicLink(
                atPath: files["replicator.yaml"], withDestinationPath: "..data/replicator.yaml")
            let before = ConfigurationContents(of: files["replicator.yaml"])

            try manager.createSymbolicLink(atPath: files["..new"], withDestinationPath: "..2")
            #expect(rename(files["..new"], files["..data"]) == 0)

            #expect(ConfigurationContents(of: files["replicator.yaml"]) != before)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a pipe is not read`() async throws {
        try await withFiles([:]) { files in
            #expect(mkfifo(files["pipe"], 0o600) == 0)
            let contents = ConfigurationContents(of: files["pipe"])
            #expect(contents == ConfigurationContents(of: files["pipe"]))
        }
    }
}
