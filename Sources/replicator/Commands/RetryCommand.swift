internal import ArgumentParser
internal import FoundationEssentials
internal import NIOHTTP1
internal import ReplicatorDaemon

/// `replicator retry`: takes up again what has stopped.
struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Start partitions again that have stopped in a running replicator.",
        discussion: """
            A partition that has stopped stays stopped until its cause is gone and it is tried again. This does so \
            without a restart and without disturbing other partitions. If the cause remains, the partition stops \
            again, with the same reason. If you have changed policies in the configuration file, have it read first: \
            `kill -HUP`.

            Without --flow it tries all flows.

            Exit codes: 0 tried again, or nothing had stopped, 1 not reachable or unknown, 2 wrong usage or \
            configuration.
            """)

    @OptionGroup var daemon: DaemonOptions

    @Option(
        name: .long, help: ArgumentHelp("The flow.", valueName: "NAME"),
        completion: NameCompletion.flows)
    var flow: String?

    @Option(name: .long, help: ArgumentHelp("Only this topic of the source.", valueName: "TOPIC"))
    var topic: String?

    @Option(name: .long, help: ArgumentHelp("Only this partition of the topic.", valueName: "NUMBER"))
    var partition: Int32?

    @Flag(name: .long, help: "Print the answers as JSON.")
    var json = false

    private struct Status: Decodable {
        struct Flow: Decodable {
            var name: String
        }
        var flows: [Flow]
    }

    func validate() throws {
        if topic != nil, flow == nil { throw ValidationError("--topic needs --flow") }
        if partition != nil, topic == nil { throw ValidationError("--partition needs --topic") }
        if let partition, partition < 0 { throw ValidationError("--partition takes a number from 0 on") }
    }

    func run() async throws {
        let client = try daemon.client()
        var answers: [DaemonAnswer] = []
        for name in try await flows(client) {
            let answer = try await client.send("retry", flow: name, topic: topic, partition: partition)
            // Said as they come: a later flow may be refused.
            if !json { try DaemonAnswer.say([answer], asJSON: false) }
            answers.append(answer)
        }
        if json { try DaemonAnswer.say(answers, asJSON: true) }
    }

    private func flows(_ client: DaemonClient) async throws -> [String] {
        if let flow { return [flow] }
        let answer = try await client.send(.GET, "/api/status?partitions=problems")
        guard answer.status == 200, let status = try? JSONDecoder().decode(Status.self, from: Data(answer.body.utf8))
        else { throw Failure("answer \(answer.status) to a question for the flows") }
        return status.flows.map(\.name)
    }
}
