internal import KafkaClient
internal import Logging

// Messages for the operator.
extension Shard {
    /// Logs an event of a partition.
    func log(_ report: PartitionReport, of index: Int) {
        let source = place(scheduler[index].source)
        let target = place(scheduler[index].target)
        switch report {
        case .stopped(let failure, let offset):
            if isGivenUp(scheduler[index].source, failure, offset: offset) { return }
            scheduler[index].metrics.failed(failure.reason)
            logger.error(
                "partition stopped; the others continue",
                metadata: source + ["offset": "\(offset)", "reason": "\(failure.explanation)"])
        case .retried(let failure):
            logger.info("partition is tried again", metadata: source + ["stoppedBy": "\(failure.reason.rawValue)"])
        case .lost(let explanation, let offsets):
            logger.warning(
                "records are lost; continuing by policy",
                metadata: source + ["reason": "\(explanation)", "offsets": "\(offsets)"])
        case .quarantined(let quarantined):
            logger.warning(
                "records are left out by policy",
                metadata: source + [
                    "firstOffset": "\(quarantined.offsets.lowerBound)",
                    "lastOffset": "\(quarantined.offsets.upperBound - 1)", "reason": "\(quarantined.reason)",
                ])
        case .irregular(let batch):
            logger.warning(
                "a batch at the source is faulty; it is copied",
                metadata: source + [
                    "firstOffset": "\(batch.offsets.lowerBound)", "lastOffset": "\(batch.offsets.upperBound - 1)",
                    "reason": "\(batch.reason)",
                ])
        case .unhelpful(let text, let answers):
            logger.warning(
                "the source sends nothing that can be copied, asking less often",
                metadata: source + ["reason": "\(text)", "answers": "\(answers)"])
        case .obstructed(let text):
            logger.debug(
                "the target did not append a batch, sending it again", metadata: target + ["reason": "\(text)"])
        case .impossibleAnswer(let text):
            logger.warning("an answer cannot be true, asking again", metadata: source + ["reason": "\(text)"])
        case .notCompared(let why):
            logger.debug(
                "the last copies could not be compared with the source's records",
                metadata: source + ["reason": "\(why)"])
        case .recovered(let records):
            logger.info(
                "found records on the target that were not accounted for", metadata: target + ["records": "\(records)"])
        case .targetTruncated(let offset, let knownEnd, let offsets):
            logger.warning(
                "the target's log went backwards; copying again what it has lost",
                metadata: target + ["cutAt": "\(offset)", "knownEnd": "\(knownEnd)", "offsets": "\(offsets)"])
        case .duplicated(let cause, let offset, let records):
            logger.warning(
                "\(cause.explanation); they are copied again in their place, and are on the target twice",
                metadata: target + ["firstOffset": "\(offset)", "records": "\(records)"])
        case .recoveryFailed(let error, _):
            // Where it lasts, the standstill is told, with this as its reason.
            logger.debug(
                "cannot find out what the target has, trying again", metadata: target + ["error": "\(error)"])
        }
    }

    private func place(_ partition: TopicPartition) -> Logger.Metadata {
        ["topic": "\(partition.topic)", "partition": "\(partition.partition)"]
    }
}

extension DuplicateCause {
    fileprivate var explanation: String {
        switch self {
        case .truncation:
            "records were in flight when the target's log was cut, and were appended in front of the records it had lost"
        case .outOfOrderAppend:
            "the target had forgotten our producer id, and appended records although it had refused those before them"
        }
    }
}

private func + (metadata: Logger.Metadata, more: Logger.Metadata) -> Logger.Metadata {
    metadata.merging(more) { $1 }
}
