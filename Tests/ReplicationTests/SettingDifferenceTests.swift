import KafkaClient
import Replication
import Testing

@Suite struct SettingDifferenceTests {
    private func entries(_ values: [String: String], _ source: ConfigEntry.Source) -> [String: ConfigEntry] {
        values.reduce(into: [:]) { $0[$1.key] = ConfigEntry(name: $1.key, value: $1.value, source: source) }
    }

    private func differences(_ source: [String: String], _ target: [String: String]) -> [SettingDifference] {
        SettingDifference.all(source: entries(source, .builtIn), target: entries(target, .brokerFile))
    }

    @Test(
        arguments: [
            (["retention.ms": "100"], ["retention.ms": "99"], ["retention.ms"]),
            (["retention.ms": "100"], ["retention.ms": "100"], []),
            (["retention.ms": "100"], ["retention.ms": "-1"], []),
            (["retention.ms": "-1"], ["retention.ms": "9223372036854775807"], ["retention.ms"]),
            (["retention.bytes": "-1"], ["retention.bytes": "0"], ["retention.bytes"]),
            (["retention.bytes": "5"], ["retention.bytes": "6"], []),
            (["cleanup.policy": "compact", "retention.ms": "1"], ["retention.ms": "1"], ["cleanup.policy"]),
            (["cleanup.policy": "delete"], ["cleanup.policy": "compact"], ["cleanup.policy"]),
            (["cleanup.policy": "delete"], ["cleanup.policy": "compact, delete"], ["cleanup.policy"]),
            (["cleanup.policy": "compact,delete"], ["cleanup.policy": "delete,compact"], []),
            (["cleanup.policy": "compact,delete"], ["cleanup.policy": "compact"], []),
            // Without delete nothing goes by age.
            (
                ["cleanup.policy": "compact", "retention.ms": "100"],
                ["cleanup.policy": "compact", "retention.ms": "1"], []
            ),
            (["max.message.bytes": "10"], ["max.message.bytes": "9"], ["max.message.bytes"]),
            (["max.message.bytes": "10"], ["max.message.bytes": "11"], []),
            (
                ["message.timestamp.type": "CreateTime"], ["message.timestamp.type": "LogAppendTime"],
                ["message.timestamp.type"]
            ),
            (["message.timestamp.type": "LogAppendTime"], ["message.timestamp.type": "LogAppendTime"], []),
            (["min.insync.replicas": "2"], ["min.insync.replicas": "1"], ["min.insync.replicas"]),
            (["min.insync.replicas": "1"], ["min.insync.replicas": "2"], []),
            (
                ["unclean.leader.election.enable": "false"], ["unclean.leader.election.enable": "true"],
                ["unclean.leader.election.enable"]
            ),
            // What one side does not tell is not known to differ.
            (["retention.ms": "100"], [:], []),
            ([:], ["retention.ms": "1"], []),
        ] as [([String: String], [String: String], [String])])
    func `what costs the copy something is found, by its value in effect`(
        source: [String: String], target: [String: String], keys: [String]
    ) {
        let usual = ["cleanup.policy": "delete"]
        let found = differences(
            usual.merging(source) { _, new in new }, usual.merging(target) { _, new in new })

        #expect(found.map(\.key) == keys)
        #expect(found.allSatisfy { $0.source.origin == "Kafka's default" })
        #expect(found.allSatisfy { $0.target.origin == "in the brokers' properties file" })
    }
}
