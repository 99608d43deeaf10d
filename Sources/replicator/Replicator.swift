import ArgumentParser

/// The command line: one subcommand per task.
@main
struct Replicator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replicator",
        abstract: "Copies topics between Kafka clusters, and runs a Kafka-compatible broker.",
        subcommands: [BrokerCommand.self])
}
