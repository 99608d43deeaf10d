import ReplicatorConfig
import Testing

@Suite struct ConfiguredNamesTests {
    private struct Missing: Error {}

    private func names(_ text: String) -> ConfiguredNames {
        let references = SettingReferences(environment: ["SITE": "oslo"]) { _ in throw Missing() }
        return ConfiguredNames(text: text, references: references)
    }

    @Test func `names are read where secrets cannot be`() {
        let found = names(
            """
            clusters:
              east: {bootstrapServers: "a:9092", sasl: {mechanism: PLAIN, username: u, password: "${env:NONE}"}}
              west: {bootstrapServers: "b:9092", sasl: {mechanism: PLAIN, username: u, password: "${file:/none}"}}
            flows:
              - {name: one, source: east, target: west, unknown: 1}
              - {name: "to-${env:SITE}", source: east, target: nowhere}
              - {name: "${env:NONE}"}
              - {source: east}
            """)
        #expect(found.clusters == ["east", "west"])
        #expect(found.flows == ["one", "to-oslo"])
    }

    @Test(arguments: ["", "[]", "flows: 1\nclusters: x", "flows: [1, {name: []}]", "{", "a: {x: 1, x: 2}"])
    func `a file that cannot be understood has no names`(_ text: String) {
        #expect(names(text).flows.isEmpty && names(text).clusters.isEmpty)
    }

    @Test func `a file that is not there has no names`() {
        let found = ConfiguredNames(file: "/nowhere/replicator.yaml")
        #expect(found.flows.isEmpty && found.clusters.isEmpty)
    }
}
