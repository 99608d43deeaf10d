internal import ArgumentParser
internal import Glibc

/// The command line: one subcommand per task.
@main
struct Replicator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replicator",
        abstract: "Copies topics between Kafka clusters, and runs a Kafka-compatible broker.",
        version: version,
        subcommands: [
            RunCommand.self,
            PlanCommand.self,
            DoctorCommand.self,
            OffsetsCommand.self,
            VerifyCommand.self,
            MigrateCommand.self,
            FailoverCommand.self,
            DrillCommand.self,
            StatusCommand.self,
            PauseCommand.self,
            ResumeCommand.self,
            RetryCommand.self,
            FlowsCommand.self,
            ForgetCommand.self,
            ImportCommand.self,
            BrokerCommand.self,
        ])

    /// Exit codes are part of the contract: 0 done, 1 failed, 2 wrong usage or configuration.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            complain("\(failure)")
            Glibc.exit(failure.exitCode.rawValue)
        } catch {
            let message = fullMessage(for: error)
            guard exitCode(for: error) != .success else {
                print(message)
                Glibc.exit(0)
            }
            complain(message)
            let isUsage = exitCode(for: error) == .validationFailure
            Glibc.exit(isUsage ? Failure.ExitCode.usage.rawValue : Failure.ExitCode.failed.rawValue)
        }
    }

    static func complain(_ message: String) {
        guard !message.isEmpty else { return }
        let line = message.hasSuffix("\n") ? message : message + "\n"
        // Not through `stderr`: that is a global variable of C's.
        _ = Array(line.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
