internal import KafkaClient
public import Replication

extension FlowSettings {
    /// Has questions to either cluster given up after this time at the latest.
    public mutating func giveUp(after patience: Duration) {
        source.operationTimeout = min(source.operationTimeout, patience)
        target.operationTimeout = min(target.operationTimeout, patience)
    }
}
