internal import ArgumentParser
internal import KafkaClient
internal import Replication
internal import ReplicatorConfig

/// Options of every command that works on configured flows.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .long, help: ArgumentHelp("The configuration file.", valueName: "FILE"),
        completion: NameCompletion.configurationFile)
    var config = "replicator.yaml"

    @Option(
        name: .long, help: ArgumentHelp("Only this flow; may be given more than once.", valueName: "NAME"),
        completion: NameCompletion.flows)
    var flow: [String] = []

    /// - Throws: ``Failure`` with exit code 2 and every problem of the file.
    func load() throws -> ConfigFile { try Self.load(config) }

    /// - Throws: as ``load()``.
    static func load(_ path: String) throws -> ConfigFile {
        do {
            return try ConfigFile.load(path, identity: .replicator)
        } catch {
            throw Failure(error)
        }
    }

    /// The flows asked for, all of them when none is named.
    func select(from config: ConfigFile) throws -> [FlowSettings] {
        try config.flows(flow, of: self.config)
    }
}

/// Options of commands that work on one flow.
struct OneFlowOptions: ParsableArguments {
    @OptionGroup var file: ConfigurationFileOption

    @Option(
        name: .long, help: ArgumentHelp("The flow; needed where the configuration has several.", valueName: "NAME"),
        completion: NameCompletion.flows)
    var flow: [String] = []

    var config: String { file.config }

    /// - Throws: as ``ConfigurationOptions/load()``.
    func load() throws -> ConfigFile { try ConfigurationOptions.load(config) }

    /// The flow asked for, or the only one.
    ///
    /// - Throws: ``Failure`` with exit code 2 when there are several, or none of the name.
    func select(from file: ConfigFile) throws -> FlowSettings {
        let flows = try file.flows(flow, of: config)
        guard flows.count == 1, let settings = flows.first else {
            let names = flows.map(\.name).joined(separator: ", ")
            throw Failure("this command takes one flow: name it with --flow; there are: \(names)", exitCode: .usage)
        }
        return settings
    }
}

extension ConfigFile {
    /// - Throws: ``Failure`` with exit code 2, naming the clusters that there are.
    func cluster(_ name: String, of path: String) throws -> ClusterSettings {
        if let found = clusters[name] { return found }
        let names = clusters.keys.sorted().joined(separator: ", ")
        throw Failure("\(path) has no cluster \"\(name)\"; there are: \(names)", exitCode: .usage)
    }

    /// The flows of these names, all of them for none.
    ///
    /// - Throws: as ``flow(_:of:)``.
    fileprivate func flows(_ names: [String], of path: String) throws -> [FlowSettings] {
        try names.isEmpty ? flows : names.map { try flow($0, of: path) }
    }

    /// - Throws: ``Failure`` with exit code 2, naming the flows that there are.
    func flow(_ name: String, of path: String) throws -> FlowSettings {
        if let found = flows.first(where: { $0.name == name }) { return found }
        let names = flows.map(\.name).joined(separator: ", ")
        throw Failure("\(path) has no flow \"\(name)\"; there are: \(names)", exitCode: .usage)
    }
}

extension Failure {
    /// Every problem of a configuration file.
    init(_ error: InvalidConfiguration) {
        self.init(lines: error.problems.map(\.description), exitCode: .usage)
    }
}
