package import KafkaClient

/// State of both clusters, as far as sync compares them. Parts that could not be read are missing, with a note.
package struct SyncObservation: Sendable {
    /// Both sides of something that lies beside the topics.
    package struct Sides<Value: Sendable>: Sendable {
        package var source: Value
        package var target: Value

        package init(source: Value, target: Value) {
            self.source = source
            self.target = target
        }
    }

    /// A group that the flow selects, with its settings in effect on both sides.
    package struct Group: Sendable {
        package var name: String
        package var targetName: String
        package var source: [String: ConfigEntry]
        package var target: [String: ConfigEntry]

        package init(
            name: String, targetName: String, source: [String: ConfigEntry], target: [String: ConfigEntry]
        ) {
            self.name = name
            self.targetName = targetName
            self.source = source
            self.target = target
        }
    }

    /// The source topics to compare.
    package var selected: [SelectedTopic] = []
    /// Names of all source topics that the flow copies.
    package var topicNames: [String] = []
    package var target = ClusterMetadata()
    package var defaults = TargetDefaults.unknown
    /// By source topic.
    package var sourceConfigs: [String: [String: ConfigEntry]] = [:]
    /// By target topic.
    package var targetConfigs: [String: [String: ConfigEntry]] = [:]
    /// Groups whose settings are compared; nil where they are not.
    package var groups: [Group]?
    /// Source topics whose settings we may not, or cannot, read at all: their copies do without.
    package var withoutConfigs: Set<String> = []
    /// Source topics of which nothing concerns their copies.
    package var replaced = ReplacedTopics()
    /// Source topics that certainly do not exist, and their names on the target.
    package var gone: [String: String] = [:]
    package var acls: Sides<[AccessRule]>?
    package var quotas: Sides<[QuotaEntity: [String: Double]]>?
    package var notes: [SyncNote] = []
    /// Milliseconds since 1970.
    package var now: Int64 = 0

    package init() {}

    /// The part that comparing the settings of further topics needs: everything else was compared already.
    package var settingsAlone: SyncObservation {
        var rest = SyncObservation()
        rest.topicNames = topicNames
        rest.target = target
        rest.defaults = defaults
        rest.replaced = replaced
        rest.now = now
        return rest
    }
}
