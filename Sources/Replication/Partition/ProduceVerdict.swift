package import KafkaWire

/// Meaning of a target leader's answer to one batch for its partition.
package enum ProduceVerdict: Hashable, Sendable {
    case written
    /// Send it again, to the leader of that time.
    case retry(refreshLeaders: Bool)
    /// It may be in the log or not.
    case unknownOutcome(refreshLeaders: Bool)
    /// The broker's idea of our sequences and ours have parted: a new epoch is needed.
    case renewEpoch
    /// The target does not take these records, ever; others it would.
    case quarantine(Rejection)
    /// Sending it again cannot help.
    case fail(PartitionFailure)

    /// Records that the target never takes.
    package struct Rejection: Hashable, Sendable {
        package var reason: FailureReason
        package var explanation: String
        /// Its records cannot be told apart, so that all of the batch is quarantined.
        package var isWhole = false
        /// They are too many for one batch, or too large: fewer may be taken.
        package var isTooLarge = false
    }

    /// - Parameters:
    ///   - isOldestInFlight: nothing sent before the batch waits for an answer.
    ///   - isDamaged: whether the checksum of the batch that was sent is wrong.
    package init(
        code: ErrorCode, message: String?, isOldestInFlight: Bool, isDamaged: @autoclosure () -> Bool = false
    ) {
        switch code {
        case .none: self = .written
        case .corruptMessage where isDamaged():
            self = .quarantine(
                Rejection(
                    reason: .unreadable, explanation: "its checksum does not match: corrupt at the source",
                    isWhole: true))
        // In the log, but the broker does not tell where.
        case .duplicateSequenceNumber: self = .unknownOutcome(refreshLeaders: false)
        case .requestTimedOut, .notEnoughReplicasAfterAppend, .networkException, .unknownServerError:
            self = .unknownOutcome(refreshLeaders: true)
        // An id that is not known is that of a topic that was deleted, or too new for this broker: the metadata tells.
        case .notLeaderOrFollower, .unknownTopicOrPartition, .unknownTopicID, .inconsistentTopicID, .leaderNotAvailable,
            .fencedLeaderEpoch, .kafkaStorageError, .replicaNotAvailable:
            self = .retry(refreshLeaders: true)
        case .outOfOrderSequenceNumber:
            // Behind a batch that failed it is only the echo of that failure.
            self = isOldestInFlight ? .renewEpoch : .retry(refreshLeaders: false)
        case .unknownProducerID: self = .renewEpoch
        case .messageTooLarge, .recordListTooLarge:
            self = .quarantine(
                Rejection(
                    reason: .refusedByTarget, explanation: Self.explanation(of: code, message), isTooLarge: true))
        case .invalidTimestamp, .invalidRecord:
            self = .quarantine(
                Rejection(reason: .refusedByTarget, explanation: Self.explanation(of: code, message)))
        case .topicAuthorizationFailed:
            self = .fail(
                PartitionFailure(
                    .notAuthorized, "the target does not let us write (\(code)); grant WRITE on the target topic"))
        case .clusterAuthorizationFailed:
            self = .fail(
                PartitionFailure(
                    .notAuthorized,
                    "the target does not let us write idempotently (\(code)); grant IDEMPOTENT_WRITE"))
        case .invalidProducerEpoch, .producerFenced:
            self = .fail(
                PartitionFailure(.fenced, "another instance of this flow has taken the partition over (\(code))"))
        default:
            self =
                code.isRetriable
                ? .retry(refreshLeaders: false)
                : .fail(PartitionFailure(.refusedByTarget, Self.explanation(of: code, message)))
        }
    }

    private static func explanation(of code: ErrorCode, _ message: String?) -> String {
        let detail = message.map { ", \($0)" } ?? ""
        return switch code {
        case .messageTooLarge:
            "the target refuses a batch as too large (\(code)); raise max.message.bytes of the target topic"
        case .recordListTooLarge:
            "the target refuses a batch as larger than a segment (\(code)); raise segment.bytes of the target topic"
        case .invalidTimestamp:
            "the target refuses the records' timestamps (\(code)); raise message.timestamp.before.max.ms "
                + "or message.timestamp.after.max.ms of the target topic"
        case .invalidRecord:
            "the target refuses a record (\(code)\(detail)): most likely it has no key, and the target topic is "
                + "compacted"
        default: "the target refuses a batch: \(code)\(detail)"
        }
    }
}
