import NIOCore

/// A connection as ``AnswerMemory`` sees it.
protocol AnswerWriter: AnyObject {
    /// The time since which its client has taken nothing, in steady milliseconds; nil when everything is written.
    var waitingSince: Int64? { get }
    func giveUp(because reason: String)
}

/// The memory of all answers that wait for their clients to take them up.
///
/// Kafka sends records straight from its files; here they are in memory. Fetches therefore get less while much is on its
/// way: at least one batch, as always. When even that is too much, the client that has taken up nothing for longest has
/// to go.
final class AnswerMemory {
    let limit: Int
    private let loop: NIOIsolatedEventLoop
    private(set) var used = 0
    private var writers: [ObjectIdentifier: any AnswerWriter] = [:]
    private var timer: Scheduled<Void>?

    /// Time that a client may take up nothing while memory is short, in milliseconds.
    static let longestStall: Int64 = 10_000

    /// - Parameter largestFetch: `fetch.max.bytes`; two such answers may be on their way before fetches get less.
    init(largestFetch: Int, loop: NIOIsolatedEventLoop) {
        limit = max(2 * largestFetch, 16 << 20)
        self.loop = loop
    }

    /// Bytes that a fetch may still get.
    var available: Int { max(limit - used, 1) }

    func add(_ bytes: Int, of writer: any AnswerWriter) {
        used += bytes
        writers[ObjectIdentifier(writer)] = writer
        if used > limit { watch() }
    }

    /// - Parameter isDone: the connection has nothing more to write, or is gone.
    func remove(_ bytes: Int, of writer: any AnswerWriter, isDone: Bool) {
        used -= bytes
        if isDone { writers[ObjectIdentifier(writer)] = nil }
    }

    private func watch() {
        guard timer == nil else { return }
        timer = loop.scheduleTask(in: .milliseconds(500)) { [weak self] in
            guard let self else { return }
            timer = nil
            endSlowest()
            if used > limit { watch() }
        }
    }

    private func endSlowest() {
        let now = Clock().steadyTime()
        let slow = writers.values.compactMap { writer in
            writer.waitingSince.flatMap { now - $0 >= Self.longestStall ? (writer: writer, since: $0) : nil }
        }
        for (writer, since) in slow.sorted(by: { $0.since < $1.since }) where used > limit {
            writer.giveUp(because: "nothing was taken up of an answer for \(now - since) ms while memory was short")
        }
    }
}
