internal import KafkaClient
package import KafkaWire

/// Why a partition has stopped. Raw values are metric labels.
package enum FailureReason: String, Hashable, Sendable, CaseIterable {
    /// Records that were to be read next are gone from the source.
    case outOfRange
    /// The source's log was cut behind what had been read.
    case truncated
    /// The accounts of a partition do not add up: the program is wrong.
    case imbalance
    /// Records carry the loop header of another replicator.
    case foreignLoop
    /// The source topic is another one under the same name.
    case recreated
    /// What the source sent cannot be read.
    case unreadable
    case refusedBySource
    case refusedByTarget
    case notAuthorized
    /// Another instance writes for the same flow.
    case fenced
    /// The flow was stopped before the target had taken everything.
    case abandoned
}

/// What a target leader's answer to one batch means for its partition.
package enum ProduceVerdict: Hashable, Sendable {
    case written
    /// Send it again, to whoever leads then.
    case retry(refreshLeaders: Bool)
    /// It may be in the log or not.
    case uncertain(refreshLeaders: Bool)
    /// The broker's idea of our sequences and ours have parted: go on in a new epoch.
    case renewEpoch
    /// The target does not take these records, ever; others it would.
    case quarantine(String)
    /// Sending it again cannot help.
    case fail(FailureReason, String)

    package init(code: ErrorCode, message: String?, isOldestInFlight: Bool) {
        switch code {
        case .none: self = .written
        // In the log, but the broker does not tell where.
        case .duplicateSequenceNumber: self = .uncertain(refreshLeaders: false)
        case .requestTimedOut, .notEnoughReplicasAfterAppend, .networkException, .unknownServerError:
            self = .uncertain(refreshLeaders: true)
        case .notLeaderOrFollower, .unknownTopicOrPartition, .unknownTopicID, .leaderNotAvailable,
            .fencedLeaderEpoch, .kafkaStorageError, .replicaNotAvailable:
            self = .retry(refreshLeaders: true)
        case .outOfOrderSequenceNumber:
            // Behind a batch that failed it is only the echo of that failure.
            self = isOldestInFlight ? .renewEpoch : .retry(refreshLeaders: false)
        case .unknownProducerID: self = .renewEpoch
        case .messageTooLarge, .recordListTooLarge:
            self = .quarantine(
                "the target refuses a batch as too large (\(code)); raise max.message.bytes of the target topic")
        case .invalidTimestamp:
            self = .quarantine(
                "the target refuses the records' timestamps (\(code)); raise message.timestamp.before.max.ms "
                    + "or message.timestamp.after.max.ms of the target topic")
        case .invalidRecord:
            self = .quarantine(
                "the target refuses a record (\(code)" + (message.map { ", \($0)" } ?? "")
                    + "): most likely it has no key, and the target topic is compacted")
        case .topicAuthorizationFailed:
            self = .fail(
                .notAuthorized, "the target does not let us write (\(code)); grant WRITE on the target topic")
        case .clusterAuthorizationFailed:
            self = .fail(
                .notAuthorized, "the target does not let us write idempotently (\(code)); grant IDEMPOTENT_WRITE")
        case .invalidProducerEpoch, .producerFenced:
            self = .fail(.fenced, "another instance of this flow has taken the partition over (\(code))")
        default:
            if code.isRetriable {
                self = .retry(refreshLeaders: false)
            } else {
                self = .fail(
                    .refusedByTarget, "the target refuses a batch: \(code)" + (message.map { ", \($0)" } ?? ""))
            }
        }
    }
}
