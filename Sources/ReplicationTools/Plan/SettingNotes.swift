internal import KafkaClient
internal import PlainText
package import Replication

extension EffectiveSettings {
    /// A note for each difference in effect that remains, about all topics that have it.
    package func notes(_ settings: FlowSettings) -> [SyncNote] {
        summary.map { difference, copies in
            let more = copies.count > 1 ? " and \(copies.count - 1) more" : ""
            return SyncNote(
                kind: .settingDiffers, subject: "\(copies[0]) \(difference.key)",
                message: "\(difference.key) of \(copies[0])\(more) on \(settings.target.name) is "
                    + "\(difference.target), on \(settings.source.name) \(difference.source): "
                    + "\(difference.consequence.words); "
                    + difference.remedy(on: copies[0], settings))
        }
    }
}

extension SettingDifference.Consequence {
    /// Continues a sentence.
    package var words: String {
        switch self {
        case .keepsLess: "the copy loses records that the source still has"
        case .refuses: "the target refuses larger batches, and their partition stops"
        case .alters: "the target replaces the records' times by those of their arrival"
        case .isLessSafe: "the copy is lost more easily when brokers fail"
        }
    }
}

extension SettingDifference {
    /// Way to give the copy the source's value.
    package func remedy(on copy: String, _ settings: FlowSettings) -> String {
        let value = key == "cleanup.policy" ? "[\(source.text)]" : source.text
        let command =
            "kafka-configs.sh \(settings.target.toolOptions) --alter --entity-type topics --entity-name "
            + "\(copy.shellQuoted) --add-config \("\(key)=\(value)".shellQuoted)"
        let pins = settings.sync.topicConfigs ? "" : "let sync.topicConfigs copy the settings, or "
        return "\(pins)pin it: \(command)"
    }
}
