internal import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
public import Replication
internal import Synchronization

/// Compares what is appended to the topics of a flow with what arrives on the target, until it is told to end.
///
/// It begins at the place that the flow recorded last, or, where no flow has recorded any, where both
/// sides are alike near the target's end. Topics and partitions that appear later are compared from their beginning.
///
/// ```
///   ends of the target, then of the source ──▶ partitions that are not level, some at a time ──▶ findings
///        ▲                                                                                          │
///        └──────────────────────────────── half a second ◀──────────────────────────────────────────┘
/// ```
///
/// Memory is bounded: only those partitions whose turn it is hold fetched bytes, and a comparison that waits holds
/// fingerprints of what it has looked ahead.
public struct RollingVerification: Sendable {
    /// Something to tell while the verification continues.
    public enum Event: Sendable {
        /// From now on this many partitions are followed, and those that appear later.
        case began(partitions: Int)
        /// - Parameter difference: with the record's key, for the first of those that are found together.
        case found(topic: String, partition: Int32, difference: Difference)
        /// A partition is not compared any more.
        case ended(topic: String, partition: Int32, reason: String)
        /// Something is in the way; said once, until it is gone.
        case trouble(String)
    }

    /// Progress of a rolling verification.
    public struct Progress: Hashable, Sendable {
        public var partitions: Int
        /// Records that are the same on both sides.
        public var equal: Int64
        public var differences: Int64
        /// Source offsets that have not been found on the target yet.
        public var behind: Int64
        public var bytes: Int64
    }

    private let settings: FlowSettings
    private let options: Verification.Options
    private let eventLoops: [any EventLoop]
    private let logger: Logger

    /// Options that concern sampling have no meaning here.
    public init(
        _ settings: FlowSettings, options: Verification.Options, eventLoops: [any EventLoop], logger: Logger
    ) {
        precondition(!eventLoops.isEmpty, "a verification needs an event loop")
        var settings = settings
        // A cluster that does not answer is asked again in the next round; an end must not have to wait for it.
        settings.source.operationTimeout = Self.impatience
        settings.target.operationTimeout = Self.impatience
        self.settings = settings
        self.options = options
        self.eventLoops = eventLoops
        self.logger = logger
    }

    private static let impatience: Duration = .seconds(10)

    /// - Parameters:
    ///   - end: returns when it is enough; what the source holds then is still compared.
    ///   - tell: called in the order in which things are found.
    ///   - progress: called after each round.
    /// - Throws: ``FlowError`` when a cluster cannot be asked in the beginning.
    public func run(
        until end: @escaping @Sendable () async -> Void, tell: @escaping @Sendable (Event) -> Void,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws(FlowError) -> VerificationReport {
        let rounds = RollingRounds(
            settings, options: options,
            source: ClusterClient(settings.source, eventLoop: eventLoops[0], logger: logger),
            target: ClusterClient(settings.target, eventLoop: eventLoops[0], logger: logger), tell: tell)
        let outcome: Result<VerificationReport, FlowError>
        do throws(KafkaError) {
            try await rounds.begin()
            let ending = Ending()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    await end()
                    ending.set()
                }
                while !ending.isSet, !Task.isCancelled {
                    progress(await rounds.round())
                    await Self.pause(unless: ending)
                }
                group.cancelAll()
            }
            outcome = .success(await rounds.finish())
        } catch {
            outcome = .failure(.kafka(error))
        }
        await rounds.close()
        return try outcome.get()
    }

    private static func pause(unless ending: Ending) async {
        for _ in 0..<5 where !ending.isSet {
            guard (try? await Task.sleep(for: .milliseconds(100))) != nil else { return }
        }
    }
}

/// Condition that ends a verification.
private final class Ending: Sendable {
    private let state = Mutex(false)

    var isSet: Bool { state.withLock { $0 } }
    func set() { state.withLock { $0 = true } }
}
