internal import ArgumentParser
internal import KafkaClient
internal import Logging
internal import ReplicationTools
internal import ReplicatorConfig

/// `replicator flows`: the flows that clusters know of.
struct FlowsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows",
        abstract: "List the flows that have left their memory on the clusters.",
        discussion: """
            Each flow keeps its progress in a topic on its target. This command reads those topics on every cluster of the \
            configuration, or on those named, and lists the flows: also those that no configuration names any more. \
            `replicator forget` removes what such a flow has left.

            Exit codes: 0 every cluster was asked and each memory was read and understood, 1 one was not, 2 wrong usage or \
            configuration.
            """)

    @Option(
        name: .long, help: ArgumentHelp("The configuration file.", valueName: "FILE"),
        completion: NameCompletion.configurationFile)
    var config = "replicator.yaml"

    @Option(
        name: .long, help: ArgumentHelp("Only this cluster; may be given more than once.", valueName: "NAME"),
        completion: NameCompletion.clusters)
    var cluster: [String] = []

    @Option(
        name: .long, help: ArgumentHelp("Only this flow; may be given more than once.", valueName: "NAME"),
        completion: NameCompletion.flows)
    var flow: [String] = []

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func run() async throws {
        let file = try ConfigurationOptions.load(config)
        let names = cluster.isEmpty ? file.clusters.keys.sorted() : cluster
        let clusters = try names.map { try file.cluster($0, of: config) }
        let logger = LoggingOptions.logger("replicator", from: .error)
        let listing = try await EventLoops.with(1, for: "flows") { [logger] loops in
            var listing = FlowListing(configuration: file)
            for cluster in clusters {
                let catalog = FlowCatalog(
                    cluster, eventLoop: loops[0], logger: logger, wallClock: WallClock.milliseconds)
                do {
                    listing.add(try await catalog.flows().filter { flow.isEmpty || flow.contains($0.flow) })
                } catch {
                    listing.failures[cluster.name] = "\(error)"
                }
                await catalog.close()
            }
            return listing
        }
        if json {
            StandardOutput.write(try JSONText.pretty(listing.document))
        } else {
            StandardOutput.say(listing.text(now: WallClock.milliseconds()))
        }
        guard listing.isWhole else { throw Failure("flows: not everything could be read, see above") }
    }
}
