internal import ArgumentParser
internal import FoundationEssentials
internal import Logging
internal import NIOCore
internal import Replication
internal import ReplicationTools
internal import ReplicatorConfig

/// `replicator doctor`: whether flows can work, and their obstacles.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check both clusters of a flow before it starts.",
        discussion: """
            Checks reachability, whether run would refuse the flow, versions, permissions, limits, retention, keys, \
            replicas and clocks. For each problem it says what is wrong, why that matters and what mends it. Changes \
            nothing, except with --probe, which writes to a topic of its own on the target, __replicator.FLOW.probe, \
            and deletes it again.

            Exit codes: 0 no errors (there may be warnings), 1 errors, 2 wrong usage or configuration.
            """)

    @OptionGroup var common: ConfigurationOptions

    @Flag(help: "Also find out on a temporary topic what the target keeps of the records it is given.")
    var probe = false

    @Flag(help: "Print JSON instead of text.")
    var json = false

    func run() async throws {
        let config = try common.load()
        let instance = config.instanceSettings(
            machine: MachineName.current, process: ProcessInfo.processInfo.processIdentifier)
        let flows = try common.select(from: config).map { flow in
            var flow = flow
            flow.instance = instance
            return flow
        }
        // Problems with the connections are found with the flows.
        Replicator.complain(config.warnings.filter { !$0.hasPrefix("clusters.") }.map { "warning: \($0)" })
        LoggingOptions.bootstrapForPeople(from: .critical)
        let diagnoses = try await EventLoops.with(1, for: "doctor") { loops in
            try await ProgressLine("doctor").during { [probe] in
                var diagnoses: [Diagnosis] = []
                for settings in flows {
                    let doctor = Doctor(
                        settings, eventLoop: loops[0], logger: Logger(label: "replicator"),
                        wallClock: WallClock.milliseconds)
                    diagnoses.append(await doctor.examine(probes: probe))
                    await doctor.close()
                }
                return diagnoses
            }
        }
        if json {
            StandardOutput.write(try JSONText.pretty(["flows": diagnoses]))
        } else {
            StandardOutput.say(JSONText.printable(diagnoses).map(\.text).joined(separator: "\n\n"))
        }
        guard diagnoses.allSatisfy(\.isHealthy) else { throw ExitCode(Failure.ExitCode.failed.rawValue) }
    }
}
