internal import FoundationEssentials
internal import Glibc
public import KafkaClient
public import Replication
internal import Yams

/// A whole configuration file, checked: every value has its final type and every reference its target.
public struct ConfigFile: Sendable {
    public var clusters: [String: ClusterSettings]
    public var flows: [FlowSettings]
    /// The address at which metrics, health and status are served; nil for none.
    public var http: HostAndPort?
    /// Rights of those who call it.
    public var httpAccess = HTTPAccessSettings()
    /// This process among those that share the flows.
    public var instance = InstanceConfiguration()
    /// The time for which a partition may have lag without progress before the process is not ready.
    public var stuckAfter: Duration = .seconds(60)
    /// Bounds on the metrics of each flow.
    public var series = SeriesLimits()
    /// Trigger for taking over a file that has changed.
    public var reload = ReloadTrigger.onSignal
    /// Settings that are likely to be a mistake, or make it less safe than it could be, each with what mends it.
    public var warnings: [String] = []
    /// The program that has read it, as the clusters' brokers see it.
    public var identity = ClientIdentity()
    /// True if the text itself holds a secret.
    var holdsSecrets = false
    var references = ResolvedReferences()
    /// Everything that may be set, in the order of the document, with what is set.
    var settings: [Setting] = []

    /// Reads and checks a file.
    ///
    /// - Parameters:
    ///   - identity: the program that reads it, as the clusters' brokers see it.
    ///   - environment: what `${env:NAME}` refers to; that of the process unless given.
    /// - Throws: ``InvalidConfiguration`` with everything that is wrong.
    public static func load(
        _ file: String, identity: ClientIdentity = ClientIdentity(), environment: [String: String]? = nil
    ) throws(InvalidConfiguration) -> ConfigFile {
        let text: String
        do throws(UnreadableFile) {
            text = try TextFile.read(file)
        } catch {
            let message = "cannot read the configuration: \(error); name another file with --config"
            throw InvalidConfiguration(problems: [Problem(file: file, line: 0, column: 0, path: "", message: message)])
        }
        var config = try parse(
            text, file: file, identity: identity, environment: environment ?? ProcessInfo.processInfo.environment)
        if config.holdsSecrets, isReadableByAll(file) {
            config.warnings.insert(
                "\(file) holds secrets and everybody on this machine may read it: chmod 600 \(file), or write "
                    + "${file:/path} in their place", at: 0)
        }
        return config
    }

    private static func isReadableByAll(_ file: String) -> Bool {
        var status = stat()
        return stat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_mode & S_IROTH != 0
    }

    /// Checks a text; `file` is the name that problems carry.
    public static func parse(
        _ text: String, file: String, identity: ClientIdentity = ClientIdentity(), environment: [String: String] = [:]
    ) throws(InvalidConfiguration) -> ConfigFile {
        let reader = DocumentReader(file: file, environment: environment) {
            try String(contentsOfFile: $0, encoding: .utf8)
        }
        guard let config = read(text, reader, identity), reader.problems.isEmpty else {
            throw InvalidConfiguration(
                problems: reader.problems.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
        }
        return config
    }

    /// Reads a text as far as it can be understood; what is wrong is told to the reader.
    static func read(
        _ text: String, _ reader: DocumentReader, _ identity: ClientIdentity = ClientIdentity()
    ) -> ConfigFile? {
        document(text, reader).flatMap { build($0, reader, identity) }
    }

    private static func document(_ text: String, _ reader: DocumentReader) -> Section? {
        if let problem = YAMLStructure.problem(in: text) {
            reader.report(problem.message, line: problem.line, column: problem.column)
            return nil
        }
        do {
            guard let node = try Yams.compose(yaml: text) else {
                reader.report("the file is empty; replicator.yaml.example shows what belongs in it", at: nil, path: "")
                return nil
            }
            return Section(node, reader: reader)
        } catch YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _)
        {
            reader.report("not valid YAML: \(problem)", mark: mark, path: "")
        } catch YamlError.duplicatedKeysInMapping(let duplicates, let context) {
            // Only what looks like a key: `password:secret` without a space is one for YAML.
            let isShown = duplicates.allSatisfy { $0.utf8.allSatisfy { $0 & 0xDF >= 0x41 && $0 & 0xDF <= 0x5A } }
            let keys = isShown ? " \(duplicates.joined(separator: ", "))" : ""
            let again = secondPlace(of: duplicates, after: context.mark, in: text)
            let twice = again.map { "is here, and again in line \($0)" } ?? "is here twice"
            reader.report("the key\(keys) \(twice)", mark: context.mark, path: "")
        } catch YamlError.reader(let problem, _, _, _) {
            reader.report("not valid YAML: \(problem)", at: nil, path: "")
        } catch {
            // Its description may hold a line of the file.
            reader.report("not valid YAML; see replicator.yaml.example", at: nil, path: "")
        }
        return nil
    }

    /// The line, from 1 on, in which a key of a mapping comes again; nil where it cannot be found by its column, as in
    /// `{a: 1, a: 2}`.
    private static func secondPlace(of keys: [String], after first: Mark, in text: String) -> Int? {
        guard keys.count == 1, let key = keys.first else { return nil }
        let margin = first.column - 1
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        for (index, line) in lines.enumerated().dropFirst(first.line) {
            let rest = line.drop { $0 == " " }
            guard !rest.isEmpty, !rest.hasPrefix("#") else { continue }
            // A line further to the left belongs to another mapping.
            guard line.count - rest.count >= margin else { return nil }
            guard line.count - rest.count == margin, rest.hasPrefix(key) else { continue }
            if rest.dropFirst(key.count).drop(while: { $0 == " " }).hasPrefix(":") { return index + 1 }
        }
        return nil
    }

    private static func build(
        _ document: Section, _ reader: DocumentReader, _ identity: ClientIdentity
    ) -> ConfigFile? {
        var document = document
        var clusters: [String: ClusterSettings] = [:]
        document.requires("clusters")
        document.requires("flows")
        if var section = document.names("clusters", .namedSections) {
            for name in section.keys {
                guard let cluster = section.section(name) else { continue }
                clusters[name] = ClusterSection.parse(cluster, name: name, identity: identity)
            }
        } else {
            document.report("missing required key \"clusters\": at least a source and a target", about: "clusters")
        }
        var flows: [FlowSettings] = []
        if let sections = document.sections("flows"), !sections.isEmpty {
            let aliases = FlowSection.aliases(of: sections)
            for section in sections {
                guard let flow = FlowSection.parse(section, clusters: clusters, aliases: aliases) else { continue }
                if flows.contains(where: { $0.name == flow.name }) {
                    section.report("another flow is already called \"\(flow.name)\"; names must differ", about: "name")
                }
                if !flow.groupPrefix.isEmpty, let other = flows.first(where: { $0.renamesGroups(of: flow) }) {
                    section.report(
                        "flow \"\(other.name)\" goes the other way and renames groups too: names would grow for ever; "
                            + "rename in one direction only", about: "consumerGroups")
                }
                flows.append(flow)
            }
            for problem in [
                FlowCycles.problem(in: flows), FlowOverlaps.problem(in: flows), PreservedTopics.problem(in: flows),
            ] {
                if let problem { document.report(problem, about: "flows") }
            }
            flows = PreservedTopics.ordered(flows)
        } else {
            document.report("missing required key \"flows\": at least one flow to run", about: "flows")
        }
        var stuckAfter: Duration = .seconds(60)
        var series = SeriesLimits()
        var access = HTTPAccessSettings()
        let http = HTTPSection.parse(&document, stuckAfter: &stuckAfter, series: &series, access: &access)
        let instance = InstanceSection.parse(&document, listensOn: http)
        let reload = document.choice(
            "reload", ["onSignal": ReloadTrigger.onSignal, "onChange": .onChange], default: .onSignal)
        document.finish()
        var config = ConfigFile(
            clusters: clusters, flows: flows, http: http, httpAccess: access, stuckAfter: stuckAfter, identity: identity
        )
        config.series = series
        config.instance = instance
        config.reload = reload
        config.holdsSecrets = reader.holdsSecrets
        config.references = reader.references
        config.settings = reader.settings
        config.warnings = clusters.sorted { $0.key < $1.key }.flatMap { name, cluster in
            cluster.security.warnings.map { "clusters.\(name): \($0)" }
        }
        config.warnings += SharedAliases.warnings(in: flows)
        return config
    }
}

/// Occasions on which a running process takes its configuration file over again.
public enum ReloadTrigger: String, Hashable, Sendable, CaseIterable {
    /// On request, by HUP or `POST /api/reload`.
    case onSignal
    /// Also when the file, or one that it refers to, has changed.
    case onChange
}

extension FlowSettings {
    /// Returns true if it would rename the groups that a flow has renamed.
    fileprivate func renamesGroups(of flow: FlowSettings) -> Bool {
        !groupPrefix.isEmpty && source.name == flow.target.name && target.name == flow.source.name
    }
}
