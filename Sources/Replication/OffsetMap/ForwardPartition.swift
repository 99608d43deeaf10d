package import KafkaClient

/// A source partition that this flow copies.
package struct ForwardPartition: Sendable {
    package let source: TopicPartition
    package let target: TopicPartition
    package let map: OffsetMap
    /// Nothing is on its way to the target that the map does not know yet.
    package let isSettled: Bool

    package init(source: TopicPartition, target: TopicPartition, map: OffsetMap, isSettled: Bool) {
        self.source = source
        self.target = target
        self.map = map
        self.isSettled = isSettled
    }
}
