internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import NIOHTTP1
internal import PlainText
internal import Replication
internal import ReplicatorDaemon

/// `replicator status`: how a running replicator does, as a table.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how a running replicator does.",
        discussion: """
            Asks the replicator at http.listen of the configuration, or at --url, and prints its clusters, flows, \
            topics and consumer groups. Partitions are listed where something is wrong, or all with --partitions.

            With --live it only asks whether the process is alive, as the health check of a container does.

            With --flow it is about that flow and its clusters alone, whether it is ready included.

            Exit codes: 0 ready, 1 not ready or not reachable, 2 wrong usage or configuration.
            """)

    @OptionGroup var daemon: DaemonOptions

    @Option(name: .long, help: ArgumentHelp("Only this flow.", valueName: "NAME"))
    var flow: String?

    @Flag(name: .long, help: "List every partition.")
    var partitions = false

    @Flag(name: .long, help: "Show it again every two seconds, until interrupted.")
    var watch = false

    @Flag(name: .long, help: "Print the JSON document of /api/status.")
    var json = false

    @Flag(name: .long, help: "Ask only whether the process is alive (/healthz), not whether it is ready.")
    var live = false

    func validate() throws {
        if live, flow != nil || partitions || watch || json {
            throw ValidationError("--live goes with --config, --url and --ca-file only")
        }
    }

    func run() async throws {
        let client = try daemon.client()
        if live {
            let answer = try await client.send(.GET, "/healthz")
            guard answer.status == 200 else {
                throw Failure("\(client.address) answers /healthz with \(answer.status)")
            }
            return StandardOutput.say("alive")
        }
        while true {
            let path = json || partitions ? "/api/status" : "/api/status?partitions=problems"
            let answer = try await client.send(.GET, path)
            guard answer.status == 200 else {
                throw Failure("\(client.address) answers /api/status with \(answer.status); is it a replicator?")
            }
            let whole = try decode(answer.body, client)
            let document = flow.map { whole.about(flow: $0) } ?? whole
            if watch, isatty(STDOUT_FILENO) == 1 { print("\u{1B}[H\u{1B}[2J", terminator: "") }
            if json {
                StandardOutput.write((flow == nil ? answer.body : document.json).printableJSON)
            } else {
                StandardOutput.say(StatusText(JSONText.printable(document), allPartitions: partitions).text)
            }
            guard watch else {
                if !document.isReady { throw ExitCode(Failure.ExitCode.failed.rawValue) }
                return
            }
            try await Task.sleep(for: .seconds(2))
        }
    }

    private func decode(_ body: String, _ client: DaemonClient) throws -> StatusDocument {
        let document: StatusDocument
        do {
            document = try JSONDecoder().decode(StatusDocument.self, from: Data(body.utf8))
        } catch {
            throw Failure("\(client.address) does not answer /api/status as this version does: \(error)")
        }
        if let flow, !document.flows.contains(where: { $0.status.name == flow }) {
            let names = document.flows.map(\.status.name).joined(separator: ", ")
            throw Failure("no flow is called \(flow); there are: \(names)", exitCode: .usage)
        }
        return document
    }
}
