internal import ArgumentParser
internal import Glibc
internal import PlainText

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
            AdoptCommand.self,
            ConfigCommand.self,
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
            end("\(failure)", failure.exitCode)
        } catch {
            let message = fullMessage(for: error)
            let code = exitCode(for: error)
            guard code != .success else {
                print(message)
                Glibc.exit(0)
            }
            let isUsage = code == .validationFailure || code.rawValue == Failure.ExitCode.usage.rawValue
            end(message, isUsage ? .usage : .failed)
        }
    }

    private static func end(_ message: String, _ code: Failure.ExitCode) -> Never {
        StandardError.write(
            LastError.text(message, exitCode: code.rawValue, asJSON: LastError.isJSON(CommandLine.arguments)))
        Glibc.exit(code.rawValue)
    }

    /// Says something beside a command's output.
    ///
    /// - Parameter lines: ours, whatever came from outside in them.
    static func complain(_ lines: [String]) {
        for line in lines { StandardError.write(line.printable(atMost: 8_192) + "\n") }
    }
}
