internal import ArgumentParser
internal import ReplicatorConfig

/// Completions of the shell that know the names in a configuration file.
enum NameCompletion {
    /// Names of flows.
    static let flows = CompletionKind.custom { arguments, _, _ in
        names(in: arguments).flows.sorted()
    }

    /// Names of clusters.
    static let clusters = CompletionKind.custom { arguments, _, _ in
        names(in: arguments).clusters.sorted()
    }

    static let configurationFile = CompletionKind.file(extensions: ["yaml", "yml"])

    /// Names in the file that the command line names so far. It is not checked, since secrets are often readable for the
    /// service alone.
    private static func names(in arguments: [String]) -> ConfiguredNames {
        var path = "replicator.yaml"
        for (index, argument) in arguments.enumerated() {
            if argument == "--config", arguments.indices.contains(index + 1) { path = arguments[index + 1] }
            if argument.hasPrefix("--config=") { path = String(argument.dropFirst("--config=".count)) }
        }
        return ConfiguredNames(file: path)
    }
}
