import Logging
import Synchronization

/// Keeps every line that is logged, at every level.
final class CapturingLog: Sendable {
    private let kept = Mutex<[String]>([])
    private let onLine: @Sendable (String) -> Void

    /// - Parameter onLine: called with each line as it is logged.
    init(_ onLine: @escaping @Sendable (String) -> Void = { _ in }) {
        self.onLine = onLine
    }

    var lines: [String] { kept.withLock { $0 } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(log: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let log: CapturingLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line = "\(event.level) \(event.message) \(metadata.merging(event.metadata ?? [:]) { $1 })"
            log.kept.withLock { $0.append(line) }
            log.onLine(line)
        }
    }
}
