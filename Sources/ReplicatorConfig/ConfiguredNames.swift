internal import Yams

/// Names of the flows and clusters in a configuration file, which is not checked: secrets need not be readable, and
/// mistakes elsewhere in the file do not matter.
public struct ConfiguredNames: Sendable {
    public var flows: [String] = []
    public var clusters: [String] = []

    /// Reads the names in a file; there are none if it cannot be read, or is not YAML.
    public init(file: String) {
        self.init(text: (try? TextFile.read(file)) ?? "", references: SettingReferences())
    }

    /// Reads the names in a text; one with a reference that cannot be replaced is left out.
    package init(text: String, references: SettingReferences) {
        guard YAMLStructure.problem(in: text) == nil, let document = try? Yams.compose(yaml: text)?.mapping else {
            return
        }
        let names = (document["flows"]?.sequence ?? []).map { $0.mapping?["name"]?.scalar?.string }
        let keys = document["clusters"]?.mapping?.keys.map { $0.scalar?.string } ?? []
        flows = names.compactMap { $0 }.compactMap { try? references.expand($0) }
        clusters = keys.compactMap { $0 }
    }
}
