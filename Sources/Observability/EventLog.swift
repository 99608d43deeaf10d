internal import FoundationEssentials
public import Logging
internal import PlainText
internal import Synchronization

/// The last things worth telling an operator: a bounded ring of what was logged.
///
/// It is fed as a log handler, so that whatever deserves a line in the log is seen on the page too.
public final class EventLog: Sendable {
    public struct Event: Sendable, Codable {
        /// Grows by one with each event of the process.
        public var id: Int
        /// Milliseconds since 1970.
        public var time: Int64
        /// `info`, `warning` or `error`.
        public var level: String
        public var message: String
        /// Subjects of the event, such as `flow`, `topic`, `cluster`.
        public var about: [String: String]
    }

    private let capacity: Int
    private let state = Mutex(State())

    private struct State {
        var events: [Event] = []
        var nextID = 1
    }

    public init(capacity: Int = 500) {
        self.capacity = capacity
    }

    /// Events younger than the one of this id, oldest first.
    public func events(after id: Int = 0, limit: Int = .max) -> [Event] {
        state.withLock { state in Array(state.events.filter { $0.id > id }.suffix(max(0, limit))) }
    }

    func add(_ level: Logger.Level, _ message: String, _ about: [String: String]) {
        let time = Int64(Date().timeIntervalSince1970 * 1_000)
        state.withLock { state in
            // Room for a whole batch is made at once: moving the ring for each event would cost too much.
            if state.events.count >= capacity { state.events.removeFirst(max(1, capacity / 8)) }
            state.events.append(
                Event(id: state.nextID, time: time, level: level.rawValue, message: message, about: about))
            state.nextID += 1
        }
    }
}

/// Hands what is logged at `info` and above to an ``EventLog``.
public struct EventLogHandler: LogHandler {
    public var logLevel: Logger.Level = .info
    public var metadata: Logger.Metadata = [:]
    private let events: EventLog

    public init(_ events: EventLog) {
        self.events = events
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        guard event.level >= .info else { return }
        let about = metadata.merging(event.metadata ?? [:]) { _, new in new }.mapValues { "\($0)".printable() }
        events.add(event.level, "\(event.message)".printable(), about)
    }
}
