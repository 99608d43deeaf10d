import ReplicatorConfig
import ReplicatorDaemon
import TestSupport
import Testing

@Suite struct ContentWatchTests {
    /// Contents of files with these texts.
    private func contents(_ texts: String...) async throws -> [ConfigurationContents] {
        var all: [ConfigurationContents] = []
        try await withFiles([:]) { files in
            for text in texts {
                try files.write(text, "f")
                all.append(ConfigurationContents(of: files["f"]))
            }
        }
        return all
    }

    /// Answers to looks that find these contents.
    private func looks(_ watch: inout ContentWatch, _ contents: [ConfigurationContents]) -> [Bool] {
        contents.map { watch.look($0) }
    }

    @Test func `a new content is read once, when it has stayed the same for a look`() async throws {
        let contents = try await contents("a", "b")
        var watch = ContentWatch(handled: contents[0])

        #expect(looks(&watch, [contents[0], contents[1], contents[1]]) == [false, false, true])
        watch.handled(contents[1], mayPass: false)
        #expect(!looks(&watch, Array(repeating: contents[1], count: 100)).contains(true))
    }

    @Test func `a file that is being written is left alone`() async throws {
        let contents = try await contents("a", "b", "bc", "bcd")
        var watch = ContentWatch(handled: contents[0])

        #expect(looks(&watch, Array(contents[1...]) + [contents[3]]) == [false, false, false, true])
    }

    @Test func `a change that is taken back in time was none`() async throws {
        let contents = try await contents("a", "b")
        var watch = ContentWatch(handled: contents[0])

        let found = looks(&watch, [contents[1], contents[0], contents[1], contents[1]])

        #expect(found == [false, false, false, true])
    }

    @Test func `what was refused for a reason that may pass is tried again, at a slow pace`() async throws {
        let contents = try await contents("a", "b")
        var watch = ContentWatch(handled: contents[0])
        #expect(looks(&watch, [contents[1], contents[1]]) == [false, true])

        for _ in 0..<3 {
            watch.handled(contents[1], mayPass: true)
            let found = looks(&watch, Array(repeating: contents[1], count: ContentWatch.patience))
            #expect(found == Array(repeating: false, count: ContentWatch.patience - 1) + [true])
        }
    }
}
