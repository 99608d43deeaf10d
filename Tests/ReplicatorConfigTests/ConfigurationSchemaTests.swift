import Foundation
import ReplicatorConfig
import Testing

@Suite struct ConfigurationSchemaTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Keys in the first column of the tables of Docs/Configuration.md, as the schema calls them.
    private static func documentedKeys() throws -> Set<String> {
        let text = try String(contentsOf: root.appending(path: "Docs/Configuration.md"), encoding: .utf8)
        var section = ""
        var keys: Set<String> = []
        for line in text.split(separator: "\n") {
            if let heading = line.wholeMatch(of: /#+ `([^`]+)`.*/) {
                section = String(heading.1).replacing("<name>", with: "*")
                if section.hasPrefix("clusters") { section = "clusters.*" }
                if section.hasPrefix("flows[]") { section = "flows[]" }
                if section == "reload" { section = "" }
            } else if line.hasPrefix("#") {
                section = "none"
            }
            guard section != "none", line.hasPrefix("| `") else { continue }
            for key in line.dropFirst(2).prefix(while: { $0 != "|" }).matches(of: /`([A-Za-z.]+[A-Za-z])(\.…)?`/) {
                keys.insert(section.isEmpty ? String(key.1) : "\(section).\(key.1)")
            }
        }
        return keys
    }

    @Test func `each documented key is one that is read, and each that is read is documented`() throws {
        let documented = try Self.documentedKeys()
        try #require(documented.count > 60)
        let leaves = ConfigurationSchema.paths.filter { path in
            !path.hasSuffix("*")
                && !ConfigurationSchema.paths.contains { $0.hasPrefix(path + ".") || $0.hasPrefix(path + "[") }
        }
        #expect(documented.subtracting(ConfigurationSchema.paths).sorted() == [])
        let covered = leaves.filter { leaf in
            documented.contains(leaf) || documented.contains { leaf.hasPrefix($0 + ".") }
        }
        #expect(leaves.subtracting(covered).sorted() == [])
    }

    @Test func `each setting has a meaning, and nothing else has`() {
        let paths = ConfigurationSchema.paths.filter { !$0.hasSuffix("*") }
        #expect(paths.subtracting(SettingMeanings.all.keys).sorted() == [])
        #expect(Set(SettingMeanings.all.keys).subtracting(ConfigurationSchema.paths).sorted() == [])
    }

    @Test func `only what no section can be without is required`() throws {
        let data = try JSONEncoder().encode(ConfigurationSchema())
        let schema = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        func required(_ path: String...) throws -> [String] {
            var place = schema
            for step in path {
                let key = step == "*" ? "additionalProperties" : step == "[]" ? "items" : nil
                let parent = key == nil ? place["properties"] as? [String: Any] ?? [:] : place
                place = try #require(parent[key ?? step] as? [String: Any], "\(path)")
            }
            return place["required"] as? [String] ?? []
        }
        #expect(try required() == ["clusters", "flows"])
        #expect(try required("clusters", "*") == ["bootstrapServers"])
        #expect(try required("clusters", "*", "sasl") == ["mechanism"])
        #expect(try required("flows", "[]") == ["name", "source", "target", "topics"])
        #expect(try required("flows", "[]", "topics") == ["allow"])
        #expect(try required("flows", "[]", "consumerGroups") == [])
        #expect(try required("http") == ["listen"])
    }
}
