public import Logging

/// Writes each message as one line, as text for people or as JSON for machines.
public struct LineLogHandler: LogHandler {
    /// The form of a line.
    public enum Format: Sendable {
        case text, json
    }

    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let label: String
    private let format: Format
    private let write: @Sendable (String) -> Void

    /// - Parameter write: takes a line with its end.
    public init(
        label: String, format: Format, level: Logger.Level = .info, write: @escaping @Sendable (String) -> Void
    ) {
        self.label = label
        self.format = format
        logLevel = level
        self.write = write
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let line = LogLine(
            time: .now, level: event.level, label: label, source: event.source, message: "\(event.message)",
            fields: metadata.merging(event.metadata ?? [:]) { _, new in new })
        write((format == .json ? line.json : line.text) + "\n")
    }
}
