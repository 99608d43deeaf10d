internal import ArgumentParser
internal import ForeignErrors
internal import FoundationEssentials
internal import Glibc
internal import NIOHTTP1
internal import PlainText
internal import Replication
internal import ReplicatorDaemon
internal import TerminalText

/// `replicator status`: how a running replicator does, as a table.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the state of a running replicator.",
        discussion: """
            Asks the replicator at http.listen of the configuration, or at --url, and prints its clusters, flows, \
            topics and consumer groups. Lists only partitions that have a problem, or all of them with --partitions.

            On a terminal the output keeps to its width, and with --watch to its height: problems come first, and \
            lines that do not fit are counted. It has colors on a terminal only, and none where NO_COLOR is set.

            With --live it only asks whether the process is alive, as the health check of a container does. With \
            --flow it shows that flow and its clusters alone, and the exit code is about them.

            Exit codes: 0 ready, 1 not ready or not reachable, 2 wrong usage or configuration.
            """)

    @OptionGroup var daemon: DaemonOptions

    @Option(
        name: .long, help: ArgumentHelp("Only this flow.", valueName: "NAME"),
        completion: NameCompletion.flows)
    var flow: String?

    @Flag(name: .long, help: "List every partition.")
    var partitions = false

    @Flag(name: .long, help: "Show it again every two seconds, until interrupted, in the same place of a terminal.")
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
        guard watch else {
            let (document, text) = try await ask(client)
            print(document, text)
            if !document.isReady { throw ExitCode(Failure.ExitCode.failed.rawValue) }
            return
        }
        // Wrong from the start is wrong; what fails later is shown, and tried again.
        var last = try await ask(client)
        var trouble: Failure?
        while true {
            print(last.document, last.text, trouble)
            try await Task.sleep(for: .seconds(2))
            do {
                last = try await ask(client)
                trouble = nil
            } catch let failure as Failure {
                trouble = failure
            }
        }
    }

    /// - Returns: what was asked for, and the JSON of it.
    private func ask(_ client: DaemonClient) async throws -> (document: StatusDocument, text: String) {
        let path = json || partitions ? "/api/status" : "/api/status?partitions=problems"
        let answer = try await client.send(.GET, path)
        guard answer.status == 200 else {
            throw Failure("\(client.address) answers /api/status with \(answer.status); is it a replicator?")
        }
        let whole = try decode(answer.body, client)
        guard let flow else { return (whole, answer.body) }
        let document = whole.about(flow: flow)
        return (document, document.json)
    }

    /// - Parameter trouble: reason why this is not how things are now.
    private func print(_ document: StatusDocument, _ text: String, _ trouble: Failure? = nil) {
        if json {
            if let trouble { Replicator.complain(["\(trouble)"]) } else { StandardOutput.write(text.printableJSON) }
            return
        }
        let abilities = Terminal.abilitiesOfOutput
        let size = Terminal.size(of: STDOUT_FILENO)
        let said = JSONText.printable(document)
        func lines(_ entries: Int?) -> [String] {
            StatusText(
                said, allPartitions: partitions,
                layout: StatusText.Layout(width: size?.columns, entries: entries, hasColors: abilities.hasColors)
            ).lines
        }
        var head: [String] = []
        if let trouble {
            let text = "\(trouble); the state before that is"
            head = (size.map { text.wrapped(to: $0.columns) } ?? [text]) + [""]
        }
        guard watch, abilities.movesCursor, let size else {
            return StandardOutput.show(head + lines(nil) + (watch ? [""] : []))
        }
        let fitting = ScreenRedraw.fitting(size.rows, largest: StatusText.manyEntries) { head + lines($0) }
        StandardOutput.redraw(fitting)
    }

    private func decode(_ body: String, _ client: DaemonClient) throws -> StatusDocument {
        let document: StatusDocument
        do {
            document = try JSONDecoder().decode(StatusDocument.self, from: Data(body.utf8))
        } catch {
            throw Failure(
                "\(client.address) does not answer /api/status as this version does: \(ForeignError.words(error))")
        }
        if let flow, !document.flows.contains(where: { $0.status.name == flow }) {
            let names = document.flows.map(\.status.name).joined(separator: ", ")
            throw Failure("no flow is called \(flow); there are: \(names)", exitCode: .usage)
        }
        return document
    }
}
