import Observability
import Testing

@Suite struct ProcessMetricsTests {
    /// Fields 3 to 26 of proc(5), each of them its own number where that matters.
    private static let rest =
        "S 1 2 3 0 -1 4194560 7 8 9 10 250 50 0 0 20 0 5 0 4200 8192000 300 18446744073709551615 1"

    private func read(_ stat: String) -> ProcessMetrics? {
        ProcessMetrics(stat: stat, bootTime: 1_000, ticksPerSecond: 100, pageBytes: 4_096)
    }

    @Test func `times are in seconds, memory is in bytes`() throws {
        let found = try #require(read("4711 (replicator) \(Self.rest)\n"))

        #expect(found.cpuSeconds == 3)
        #expect(found.startTime == 1_042)
        #expect(found.virtualBytes == 8_192_000)
        #expect(found.residentBytes == 1_228_800)
    }

    @Test(arguments: ["a b", "a) S 1 2", ") (", "\n"]) func `a program's name may hold everything`(name: String) {
        #expect(read("4711 (\(name)) \(Self.rest)") == read("4711 (x) \(Self.rest)"))
    }

    @Test(arguments: ["", "4711", "4711 (x) S 1 2", "4711 (x) S a b c d e f g h i j k l m n o p q r s t u v w"])
    func `a text that is none of a process tells nothing`(text: String) {
        #expect(read(text) == nil)
    }
}
