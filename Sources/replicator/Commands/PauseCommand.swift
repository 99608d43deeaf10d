internal import ArgumentParser
internal import NIOHTTP1
internal import ReplicatorDaemon

/// `replicator pause`: stops reading a flow, a topic or a partition for a while.
struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Pause a flow, a topic or a partition of a running replicator.",
        discussion: """
            Batches that were read before still reach the target. The pause is kept on the target, obeyed by all instances \
            of the flow, and lasts until `replicator resume`. Without --topic the whole flow pauses.

            Exit codes: 0 paused, 1 not reachable or unknown, 2 wrong usage or configuration.
            """)

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var scope: ScopeOptions

    @Flag(name: .long, help: "Print the answer as JSON.")
    var json = false

    func run() async throws {
        try DaemonAnswer.say([await scope.send("pause", to: daemon)], asJSON: json)
    }
}

/// `replicator resume`: reads it again.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Resume what was paused.",
        discussion: """
            Resuming a flow or a topic resumes every part of it. A part of what was paused as a whole cannot be \
            resumed alone.

            Exit codes: 0 resumed, 1 not reachable, unknown, or paused as a whole, 2 wrong usage or configuration.
            """)

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var scope: ScopeOptions

    @Flag(name: .long, help: "Print the answer as JSON.")
    var json = false

    func run() async throws {
        try DaemonAnswer.say([await scope.send("resume", to: daemon)], asJSON: json)
    }
}

/// The part of a flow that a command is about.
struct ScopeOptions: ParsableArguments {
    @Option(
        name: .long, help: ArgumentHelp("The flow.", valueName: "NAME"),
        completion: NameCompletion.flows)
    var flow: String

    @Option(name: .long, help: ArgumentHelp("Only this topic of the source.", valueName: "TOPIC"))
    var topic: String?

    @Option(name: .long, help: ArgumentHelp("Only this partition of the topic.", valueName: "NUMBER"))
    var partition: Int32?

    func validate() throws {
        if partition != nil, topic == nil { throw ValidationError("--partition needs --topic") }
        if let partition, partition < 0 { throw ValidationError("--partition takes a number from 0 on") }
    }

    func send(_ action: String, to daemon: DaemonOptions) async throws -> DaemonAnswer {
        try await daemon.client().send(action, flow: flow, topic: topic, partition: partition)
    }
}

extension DaemonClient {
    /// Gives a command.
    ///
    /// - Throws: ``Failure`` with the answer when it is refused.
    func send(_ action: String, flow: String, topic: String?, partition: Int32?) async throws -> DaemonAnswer {
        var query: [String] = []
        if let topic { query.append("topic=\(StatusRequest.percentEncoded(topic))") }
        if let partition { query.append("partition=\(partition)") }
        let path =
            "/api/flows/\(StatusRequest.percentEncoded(flow))/\(action)" + (query.isEmpty ? "" : "?")
            + query.joined(separator: "&")
        let answer = try await send(.POST, path)
        let message = answer.body.split(separator: "\n").joined(separator: "; ")
        guard answer.status == 200 else { throw Failure(message.isEmpty ? "answer \(answer.status)" : message) }
        return DaemonAnswer(flow: flow, topic: topic, partition: partition, answer: message)
    }
}

/// Answer of a running replicator to a command about a part of a flow.
struct DaemonAnswer: Encodable {
    var flow: String
    var topic: String?
    var partition: Int32?
    var answer: String

    private struct Document: Encodable {
        var answers: [DaemonAnswer]
    }

    /// Prints answers: a line each, or one document.
    static func say(_ answers: [DaemonAnswer], asJSON: Bool) throws {
        guard !asJSON else { return StandardOutput.write(try JSONText.pretty(Document(answers: answers))) }
        for answer in answers { StandardOutput.say(answer.answer) }
    }
}
