/// A configuration that was written for another replicator, in our terms.
public struct ImportedConfiguration: Sendable {
    struct Cluster: Sendable {
        var name: String
        /// Keys in the order of the documentation, nested ones with a dot; values as YAML.
        var settings: [(key: String, value: String)]
    }

    struct Flow: Sendable {
        var name: String
        var source: String
        var target: String
        var settings: [(key: String, value: String)]
        /// Sentences about this flow.
        var remarks: [ImportRemark] = []
    }

    /// Program that the configuration was written for, such as `MirrorMaker 2`.
    let origin: String
    var clusters: [Cluster] = []
    var flows: [Flow] = []
    /// Sentences about everything else.
    var remarks: [ImportRemark] = []

    /// Names of the flows, in the order of the file.
    public var flowNames: [String] { flows.map(\.name) }

    /// The configuration file, with every remark as a comment.
    public var yaml: String {
        var lines = ["# Made by `replicator import` from a configuration of \(YAMLText.line(origin))."]
        for group in groupedRemarks {
            lines.append("# \(group.title)")
            lines += group.remarks.map { "#   - \($0)" }
        }
        lines += ["", "clusters:"]
        for cluster in clusters {
            lines.append("  \(YAMLText.quoted(cluster.name)):")
            lines += YAMLText.nested(cluster.settings, indent: "    ")
        }
        lines += ["", "flows:"]
        for flow in flows {
            lines.append("  - name: \(YAMLText.quoted(flow.name))")
            lines.append("    source: \(YAMLText.quoted(flow.source))")
            lines.append("    target: \(YAMLText.quoted(flow.target))")
            lines += YAMLText.nested(flow.settings, indent: "    ")
        }
        lines += ["", "http: {listen: \"127.0.0.1:9644\"}"]
        return lines.joined(separator: "\n") + "\n"
    }

    /// Everything a person should know, each with the flow that it is about, what matters most first: what is not
    /// done here, what is left to do, what differs, what is not needed.
    public var groupedRemarks: [(title: String, remarks: [String])] {
        let shared = Set(flows.first?.remarks ?? []).filter { remark in
            flows.count > 1 && flows.allSatisfy { $0.remarks.contains(remark) }
        }
        var all = remarks
        for flow in flows {
            all += flow.remarks.map { remark in
                let whose = shared.contains(remark) ? "all flows" : flow.name
                return ImportRemark(weight: remark.weight, text: "\(whose): \(remark.text)")
            }
        }
        return ImportRemark.Weight.allCases.compactMap { weight in
            var seen: Set<String> = []
            let texts = all.filter { $0.weight == weight }.map { YAMLText.line($0.text) }
                .filter { seen.insert($0).inserted }
            return texts.isEmpty ? nil : (weight.title, texts)
        }
    }

    /// The remarks of all groups.
    public var allRemarks: [String] { groupedRemarks.flatMap(\.remarks) }
}

/// Reason that a file cannot be imported.
public struct ImportFailure: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = YAMLText.line(description)
    }
}
