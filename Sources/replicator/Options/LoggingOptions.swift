internal import ArgumentParser
internal import Logging
internal import Observability

/// Options for the log, which goes to standard error.
struct LoggingOptions: ParsableArguments {
    enum Level: String, ExpressibleByArgument, CaseIterable {
        case debug, info, warning, error
    }

    @Option(name: .long, help: ArgumentHelp("The least important messages to log.", valueName: "LEVEL"))
    var logLevel = Level.info

    @Flag(name: .long, help: "Log one JSON object per line instead of text.")
    var json = false

    /// For commands whose output is for people: only what is at least this important, as text on standard error. Once
    /// per process, before the first logger.
    static func bootstrapForPeople(from level: Logger.Level) {
        LoggingSystem.bootstrap { handler($0, .text, level) }
    }

    /// A logger of its own, for a command that has no other.
    static func logger(_ label: String, from level: Logger.Level) -> Logger {
        Logger(label: label) { handler($0, .text, level) }
    }

    /// The one handler there is, whatever it writes.
    private static func handler(
        _ label: String, _ format: LineLogHandler.Format, _ level: Logger.Level
    ) -> LineLogHandler {
        LineLogHandler(label: label, format: format, level: level, write: StandardError.write)
    }

    /// Once per process, before the first logger.
    ///
    /// - Parameter events: what is shown to operators; it gets what is worth it whatever the level of the log is.
    func bootstrap(_ events: EventLog) {
        let level: Logger.Level =
            switch logLevel {
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        LoggingSystem.bootstrap { [json] label in
            MultiplexLogHandler([Self.handler(label, json ? .json : .text, level), EventLogHandler(events)])
        }
    }
}

extension Logger {
    /// For what starts and ends services: below `info` it writes out everything that they hold, the configuration
    /// included.
    var forLifecycle: Logger {
        var logger = self
        logger.logLevel = max(logLevel, .info)
        return logger
    }
}
