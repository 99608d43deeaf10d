import Foundation

/// The seeds of a fuzz test, one for each input, which is made from its seed alone. `REPLICATOR_FUZZ_SEED` is the
/// first, `REPLICATOR_FUZZ_INPUTS` their number; with `REPLICATOR_FUZZ_SECONDS` they continue for that long instead.
///
/// A trap ends the process: what a test prints before an input tells the seed to begin with next time.
package struct FuzzSeeds: Sequence, IteratorProtocol {
    private var upcoming: UInt64
    private let first: UInt64
    private let count: UInt64
    private let deadline: Date?

    /// Duration of a test by hand; nil in an ordinary run.
    package static let seconds: Double? = environment("REPLICATOR_FUZZ_SECONDS").flatMap(Double.init)

    /// The minutes that a suite may take, with room for what an ordinary run takes.
    package static var minutes: Int { 10 + Int((seconds ?? 0) / 60) * 2 }

    /// - Parameter count: of an ordinary run.
    package init(count: UInt64) {
        first = Self.environment("REPLICATOR_FUZZ_SEED").flatMap(UInt64.init) ?? 0
        upcoming = first
        self.count = Self.environment("REPLICATOR_FUZZ_INPUTS").flatMap(UInt64.init) ?? count
        deadline = Self.seconds.map { Date(timeIntervalSinceNow: $0) }
    }

    package mutating func next() -> UInt64? {
        if let deadline {
            // Time is asked for now and then only: some inputs take less than a microsecond.
            if (upcoming - first) % 16 == 0, Date() > deadline { return nil }
        } else if upcoming - first >= count {
            return nil
        }
        defer { upcoming += 1 }
        return upcoming
    }

    /// Prints how much a fuzz test has done; only by hand.
    package static func report(_ name: String, inputs: some BinaryInteger) {
        guard seconds != nil else { return }
        FileHandle.standardError.write(
            Data("\(name): \(inputs) inputs, peak memory \(peakMemory >> 20) MiB\n".utf8))
    }

    /// Says where a test is, on standard error, which is not buffered.
    package static func say(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    /// The most memory that the process has had, in bytes; 0 where the system does not tell.
    package static var peakMemory: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0) << 10
    }

    private static func environment(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }
}
