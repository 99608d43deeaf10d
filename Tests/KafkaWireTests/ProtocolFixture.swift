import Foundation
import TestSupport

/// Files that the scripts in `Fixtures` made from software that is not ours.
enum ProtocolFixture {
    static func lines(_ path: String) throws -> [Substring] {
        let file = Bundle.module.bundleURL.appendingPathComponent("Fixtures").appendingPathComponent(path)
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    }
}
