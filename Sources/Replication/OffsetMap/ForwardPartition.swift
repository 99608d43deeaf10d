package import KafkaClient
package import KafkaWire

/// A source partition that this flow copies, or has copied.
package struct ForwardPartition: Sendable {
    package let source: TopicPartition
    package let target: TopicPartition
    package let map: OffsetMap
    /// Nothing is on its way to the target that the map does not know yet.
    package let isSettled: Bool
    /// The topics that the map is of; zero when unknown.
    package var sourceTopicID = KafkaUUID.zero
    package var targetTopicID = KafkaUUID.zero
    /// The target topic was deleted and created again since the copies were made.
    package var isTargetReplaced = false
    package var succession = TopicSuccession.first
    /// False for one that it does not copy any more: what its map tells counts beside an opposite flow's.
    package var isCopied = true

    package init(source: TopicPartition, target: TopicPartition, map: OffsetMap, isSettled: Bool) {
        self.source = source
        self.target = target
        self.map = map
        self.isSettled = isSettled
    }
}
