internal import PlainText

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
        /// What was found and cannot be said in our terms, for this flow.
        var remarks: [String] = []
    }

    /// What the configuration was written for, such as `MirrorMaker 2`.
    let origin: String
    var clusters: [Cluster] = []
    var flows: [Flow] = []
    /// What has no equivalent, and what is left to do by hand.
    public internal(set) var remarks: [String] = []

    /// Reads `mm2.properties`, or the JSON that MSK's DescribeReplicator answers with.
    ///
    /// - Throws: ``ImportFailure`` when the text is neither, or lacks what a flow needs.
    public static func read(_ text: String) throws(ImportFailure) -> ImportedConfiguration {
        if text.first(where: { !$0.isWhitespace }) == "{" { return try MSKReplicatorDescription.read(text) }
        return try MirrorMakerProperties(PropertiesText.parse(text)).configuration()
    }

    /// The configuration file, with every remark as a comment.
    public var yaml: String {
        var lines = ["# Made by `replicator import` from a configuration of \(origin.printable())."]
        if !allRemarks.isEmpty {
            lines.append("# Look at these before the first start:")
            lines += allRemarks.map { "#   - \($0.printable())" }
        }
        lines += ["", "clusters:"]
        for cluster in clusters {
            lines.append("  \(Self.quoted(cluster.name)):")
            lines += Self.nested(cluster.settings, indent: "    ")
        }
        lines += ["", "flows:"]
        for flow in flows {
            lines.append("  - name: \(Self.quoted(flow.name))")
            lines.append("    source: \(Self.quoted(flow.source))")
            lines.append("    target: \(Self.quoted(flow.target))")
            lines += Self.nested(flow.settings, indent: "    ")
        }
        lines += ["", "http: {listen: \"127.0.0.1:9644\"}"]
        return lines.joined(separator: "\n") + "\n"
    }

    /// Everything a person should know, each with the flow that it is about.
    public var allRemarks: [String] {
        remarks + flows.flatMap { flow in flow.remarks.map { "\(flow.name): \($0)" } }
    }

    /// Text as YAML has it between double quotes, which is JSON's way.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            // A line break for YAML too, or nothing that it takes as it is.
            case _
            where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                || (0x2028...0x2029).contains(scalar.value) || scalar == "\u{FEFF}":
                let digits = String(scalar.value, radix: 16, uppercase: true)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// A text that is written without quotation marks where that cannot mean anything else.
    static func word(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.utf8.allSatisfy {
                $0 & 0xDF >= 0x41 && $0 & 0xDF <= 0x5A || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x5F || $0 == 0x2D
            }
        return isPlain ? text : quoted(text)
    }

    static func list(_ texts: [String]) -> String {
        "[" + texts.map(quoted).joined(separator: ", ") + "]"
    }

    /// `a.b` becomes a key in a mapping of its own; keys of one mapping follow each other.
    private static func nested(_ settings: [(key: String, value: String)], indent: String) -> [String] {
        var lines: [String] = []
        var open: Substring?
        for (key, value) in settings {
            let parts = key.split(separator: ".", maxSplits: 1)
            guard parts.count == 2 else {
                lines.append("\(indent)\(key): \(value)")
                open = nil
                continue
            }
            if open != parts[0] { lines.append("\(indent)\(parts[0]):") }
            open = parts[0]
            lines += nested([(String(parts[1]), value)], indent: indent + "  ")
        }
        return lines
    }
}

/// Why a file cannot be imported.
public struct ImportFailure: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
