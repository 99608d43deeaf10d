internal import ArgumentParser
internal import Replication
internal import ReplicatorConfig

/// Completions of the shell that know the names in a configuration file.
enum NameCompletion {
    /// Names of flows.
    static let flows = CompletionKind.custom { arguments, _, _ in
        configuration(of: arguments)?.flows.map(\.name).sorted() ?? []
    }

    /// Names of clusters.
    static let clusters = CompletionKind.custom { arguments, _, _ in
        configuration(of: arguments)?.clusters.keys.sorted() ?? []
    }

    static let configurationFile = CompletionKind.file(extensions: ["yaml", "yml"])

    /// The file that the command line names so far. One that cannot be used completes nothing.
    private static func configuration(of arguments: [String]) -> ConfigFile? {
        var path = "replicator.yaml"
        for (index, argument) in arguments.enumerated() {
            if argument == "--config", arguments.indices.contains(index + 1) { path = arguments[index + 1] }
            if argument.hasPrefix("--config=") { path = String(argument.dropFirst("--config=".count)) }
        }
        return try? ConfigFile.load(path)
    }
}
