internal import ArgumentParser
internal import Logging
internal import NIOCore
internal import Replication
internal import ReplicationTools
internal import ReplicatorConfig

/// `replicator plan`: what flows would change on their targets, before anything is done.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what would be created, changed and removed on the target.",
        discussion: """
            Compares topics, partitions, settings, access rules, quotas and positions of consumer groups of both clusters \
            as the running flow does, and changes nothing unless --apply is given.

            Exit codes: 0 nothing to do, or all of it done; 1 there are differences, something failed, or run would refuse \
            to start a flow; 2 wrong usage or configuration.
            """)

    @OptionGroup var common: ConfigurationOptions

    @Flag(help: "Make the changes, once.")
    var apply = false

    @Flag(help: "Also replace what others have changed on the target.")
    var overwrite = false

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    func run() async throws {
        let config = try common.load()
        let flows = try common.select(from: config)
        Replicator.complain(config.warnings.filter { !$0.hasPrefix("clusters.") }.map { "warning: \($0)" })
        LoggingOptions.bootstrapForPeople(from: .error)
        let (plans, failures) = try await EventLoops.with(1, for: "plan") { loops in
            try await ProgressLine("plan").during { [apply, overwrite] in
                var plans: [FlowPlan] = []
                var failures: [String] = []
                for settings in flows {
                    let planner = FlowPlanner(
                        settings, eventLoop: loops[0], logger: Logger(label: "replicator"),
                        wallClock: WallClock.milliseconds)
                    do {
                        plans.append(try await planner.plan(applies: apply, overwrites: overwrite))
                    } catch {
                        failures.append("flow \"\(settings.name)\": \(error)")
                    }
                    await planner.close()
                }
                return (plans, failures)
            }
        }
        if json {
            StandardOutput.write(try JSONText.pretty(["flows": plans]))
        } else {
            StandardOutput.say(JSONText.printable(plans).map(\.text).joined(separator: "\n\n"))
        }
        // The other flows' plans are printed all the same.
        guard failures.isEmpty else { throw Failure(lines: failures) }
        guard plans.allSatisfy(\.isInStep) else { throw ExitCode(Failure.ExitCode.failed.rawValue) }
    }
}
