package import KafkaWire
internal import Synchronization
package import Testing

/// The numbers of a seed. An issue that the test records afterwards names the seed; its suite carries the trait
/// `.printsSeed`.
package func seeded(
    _ seed: UInt64, sourceLocation: SourceLocation = #_sourceLocation
) -> SeededGenerator {
    if let box = SeedInUse.current {
        box.seed.withLock { $0 = seed }
    } else {
        Issue.record("random numbers need the suite's trait .printsSeed", sourceLocation: sourceLocation)
    }
    return SeededGenerator(seed: seed)
}

/// The seed that a test case has asked for last.
private final class SeedInUse: Sendable {
    @TaskLocal static var current: SeedInUse?

    let seed = Mutex<UInt64?>(nil)
}

/// Adds the seed in use to every issue of a test, so that what failed can be run again with the same numbers.
package struct SeedPrinting: SuiteTrait, TestTrait, TestScoping {
    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        let box = SeedInUse()
        let naming = IssueHandlingTrait.compactMapIssues { issue in
            guard let seed = box.seed.withLock({ $0 }) else { return issue }
            var named = issue
            named.comments.append("seed \(seed)")
            return named
        }
        try await SeedInUse.$current.withValue(box) {
            try await naming.provideScope(for: test, testCase: testCase, performing: function)
        }
    }
}

extension Trait where Self == SeedPrinting {
    /// For suites whose tests draw numbers from ``seeded(_:sourceLocation:)``.
    package static var printsSeed: Self { Self() }
}
