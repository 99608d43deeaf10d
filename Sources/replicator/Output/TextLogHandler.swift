internal import Glibc
internal import Logging
internal import PlainText

/// Writes each message as one line of text to standard error, for people.
///
/// ```
/// 2026-11-30T02:12:21.123+0000 warning replicator: flow=a topic=orders [Replication] partition has stopped
/// ```
/// Text from outside is escaped, so that a line of the log is always a line of ours.
struct TextLogHandler: LogHandler {
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]
    private let label: String
    private let write: @Sendable (String) -> Void

    /// - Parameter write: takes a line with its end; to standard error unless given.
    init(label: String, write: @escaping @Sendable (String) -> Void = StandardError.write) {
        self.label = label
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { _, new in new }
        var line = "\(LocalTime.now) \(event.level) \(label):"
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            line += " \(key.printable())=\("\(value)".printable())"
        }
        write(line + " [\(event.source)] \("\(event.message)".printable(atMost: 8_192))\n")
    }
}
