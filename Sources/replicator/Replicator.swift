import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The command line: one subcommand per task.
@main
struct Replicator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replicator",
        abstract: "Copies topics between Kafka clusters, and runs a Kafka-compatible broker.",
        subcommands: [BrokerCommand.self])

    /// Runs the command and ends the process: status 0 when all is done, 1 after a failure, 2 for wrong usage.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            complain("replicator: \(failure.message)")
            Self.exit(with: failure.status.rawValue)
        } catch {
            let code = exitCode(for: error)
            guard code == .validationFailure else { Self.exit(withError: error) }
            complain(fullMessage(for: error))
            Self.exit(with: CommandFailure.Status.wrongUsage.rawValue)
        }
    }

    private static func exit(with status: Int32) -> Never {
        Self.exit(withError: ExitCode(status))
    }

    private static func complain(_ text: String) {
        fputs(text + "\n", stderr)
    }
}

/// What ends a command: a message for the person who ran it, and the exit status.
struct CommandFailure: Error {
    enum Status: Int32 {
        case failed = 1
        case wrongUsage = 2
    }

    let message: String
    let status: Status

    init(_ message: String, _ status: Status) {
        self.message = message
        self.status = status
    }
}
