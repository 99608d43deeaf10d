internal import Foundation

/// A directory that is removed when the process ends. (A test's own variables may end before its last use of the files.)
package struct TemporaryDirectory: Sendable {
    package let path: String

    private static let root: String = {
        let root = NSTemporaryDirectory() + "/replicator-tests-" + UUID().uuidString
        atexit { try? FileManager.default.removeItem(atPath: TemporaryDirectory.root) }
        return root
    }()

    package init() throws {
        path = Self.root + "/" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
}
