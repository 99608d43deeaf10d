internal import Foundation

/// Files of a test in a directory of their own.
package struct Files: Sendable {
    package let directory: String

    package subscript(name: String) -> String { "\(directory)/\(name)" }

    /// Replaces a file in one step, as a mounted secret is.
    package func write(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: self[name]), options: .atomic)
    }

    package func copy(_ from: String, to name: String) throws {
        try Data(contentsOf: URL(filePath: from)).write(to: URL(filePath: self[name]), options: .atomic)
    }

    package func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: self[name])
    }
}

/// Runs `body` with files of these contents, by name.
package func withFiles(_ contents: [String: String], _ body: (Files) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "files-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let files = Files(directory: directory.path())
    for (name, text) in contents { try files.write(text, name) }
    try await body(files)
}
