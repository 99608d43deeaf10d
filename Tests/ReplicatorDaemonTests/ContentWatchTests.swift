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

    @Test func `a new content is read once, when it has stayed the same for a look`() async throws {
        let contents = try await contents("a", "b")
        var watch = ContentWatch(handled: contents[0])

        #expect(!watch.look(contents[0]))
        #expect(!watch.look(contents[1]))
        #expect(watch.look(contents[1]))
        watch.handled(contents[1], mayPass: false)
        for _ in 0..<100 { #expect(!watch.look(contents[1])) }
    }

    @Test func `a file that is being written is left alone`() async throws {
        let contents = try await contents("a", "b", "bc", "bcd")
        var watch = ContentWatch(handled: contents[0])

        #expect(!watch.look(contents[1]))
        #expect(!watch.look(contents[2]))
        #expect(!watch.look(contents[3]))
        #expect(watch.look(contents[3]))
    }

    @Test func `a change that is taken back in time was none`() async throws {
        let contents = try await contents("a", "b")
        var watch = ContentWatch(handled: contents[0])

        #expect(!watch.look(contents[1]))
        #expect(!watch.look(contents[0]))
        #expect(!watch.look(contents[1]))
        #expect(watch.look(contents[1]))
    }

    @Test func `what was refused for a reason that may pass is tried again, at a slow pace`() async throws {
        let contents = try await contents("a", "b")
        var watch = ContentWatch(handled: contents[0])
        _ = watch.look(contents[1])
        #expect(watch.look(contents[1]))

        for _ in 0..<3 {
            watch.handled(contents[1], mayPass: true)
            for _ in 1..<ContentWatch.patience { #expect(!watch.look(contents[1])) }
            #expect(watch.look(contents[1]))
        }
    }
}
