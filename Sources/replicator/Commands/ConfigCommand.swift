internal import ArgumentParser
internal import PlainText
internal import ReplicatorConfig

/// `replicator config`: a configuration file before anything connects.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check a configuration file, show the settings in effect, or print its schema. Connects to nothing.",
        subcommands: [Check.self, Show.self, Schema.self])

    /// `replicator config check`.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a configuration file.",
            discussion: """
                Reports every problem with file, line and column, and warns of likely mistakes. Variables and files \
                in ${env:NAME} and ${file:PATH} are read; of certificates, keys and token files it is looked whether \
                this machine could read them. No cluster is asked.

                Exit codes: 0 no problem, 2 the file cannot be used.
                """)

        @OptionGroup var options: ConfigurationFileOption

        @Flag(help: "Print problems and warnings as JSON.")
        var json = false

        private struct Report: Encodable {
            struct Place: Encodable {
                var line: Int?
                var column: Int?
                var path: String
                var message: String
            }

            var file: String
            var isValid: Bool
            var problems: [Place]
            var warnings: [String]

            init(file: String, isValid: Bool, problems: [Place], warnings: [String]) {
                self.file = file
                self.isValid = isValid
                self.problems = problems
                self.warnings = warnings
            }

            init(_ error: InvalidConfiguration, in file: String) {
                let places = error.problems.map { problem in
                    Place(
                        line: problem.line > 0 ? problem.line : nil, column: problem.line > 0 ? problem.column : nil,
                        path: problem.path, message: problem.message)
                }
                self.init(file: file, isValid: false, problems: places, warnings: [])
            }

            enum CodingKeys: String, CodingKey {
                case file, isValid = "valid", problems, warnings
            }
        }

        func run() throws {
            let config = options.config
            let file: ConfigFile
            do throws(InvalidConfiguration) {
                file = try ConfigFile.load(config, identity: .replicator)
            } catch {
                guard json else { throw Failure(error) }
                try write(Report(error, in: config))
                throw ExitCode(Failure.ExitCode.usage.rawValue)
            }
            let warnings = file.warnings + file.unreadableFiles(of: config)
            guard !json else {
                return try write(Report(file: config, isValid: true, problems: [], warnings: warnings))
            }
            for warning in warnings { StandardOutput.say("warning: \(warning)") }
            let clusters = file.clusters.count.counted("cluster"), flows = file.flows.count.counted("flow")
            StandardOutput.say("\(config): no problem found in \(clusters) and \(flows)")
        }

        private func write(_ report: Report) throws { StandardOutput.write(try JSONText.pretty(report)) }
    }

    /// `replicator config show`.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the settings in effect: the file's and all defaults, each with its origin.",
            discussion: """
                Prints a configuration file with every setting, and a comment that names the line or the default it \
                comes from. Secrets are not shown; a reference to one (${env:NAME}, ${file:PATH}) is. So is the \
                reference in place of a free text that is made of one.

                Exit codes: 0 done, 2 the file cannot be used.
                """)

        @OptionGroup var options: ConfigurationFileOption

        @Flag(help: "Print the settings as JSON: path, value, origin, line, references.")
        var json = false

        func run() throws {
            let effective = try ConfigurationOptions.load(options.config).effective
            if json {
                StandardOutput.write(try JSONText.pretty(effective.values))
            } else {
                StandardOutput.say("# In effect with \(options.config)\n" + effective.yaml)
            }
        }
    }

    /// `replicator config schema`.
    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the JSON Schema of configuration files, for editors.",
            discussion: """
                Editors with a YAML language server check a file against it and complete its keys: put \
                `# yaml-language-server: $schema=replicator.schema.json` in the file's first line.
                """)

        func run() throws {
            StandardOutput.write(try JSONText.pretty(ConfigurationSchema()))
        }
    }
}

/// The configuration file of commands that need no flow.
struct ConfigurationFileOption: ParsableArguments {
    @Option(
        name: .long, help: ArgumentHelp("The configuration file.", valueName: "FILE"),
        completion: NameCompletion.configurationFile)
    var config = "replicator.yaml"
}
