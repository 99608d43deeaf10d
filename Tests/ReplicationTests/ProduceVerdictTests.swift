import KafkaWire
import Replication
import Testing

/// Meaning of every error code of the protocol in answer to a batch.
@Suite struct ProduceVerdictTests {
    private func kind(_ code: ErrorCode, isOldest: Bool, isDamaged: Bool = false) -> String {
        switch ProduceVerdict(code: code, message: nil, isOldestInFlight: isOldest, isDamaged: isDamaged) {
        case .written: "written"
        case .retry(let refresh): refresh ? "retry elsewhere" : "retry"
        case .unknownOutcome(let refresh): refresh ? "unknown, elsewhere" : "unknown"
        case .renewEpoch: "renew"
        case .quarantine(let rejection): rejection.isWhole ? "quarantine whole" : "quarantine"
        case .fail(let failure): "fail \(failure.reason)"
        }
    }

    /// Codes that are neither simply retriable nor simply fatal.
    private static let special: [ErrorCode: String] = [
        .none: "written",
        .duplicateSequenceNumber: "unknown",
        .requestTimedOut: "unknown, elsewhere", .notEnoughReplicasAfterAppend: "unknown, elsewhere",
        .networkException: "unknown, elsewhere", .unknownServerError: "unknown, elsewhere",
        .notLeaderOrFollower: "retry elsewhere", .unknownTopicOrPartition: "retry elsewhere",
        .unknownTopicID: "retry elsewhere", .inconsistentTopicID: "retry elsewhere",
        .leaderNotAvailable: "retry elsewhere",
        .fencedLeaderEpoch: "retry elsewhere", .kafkaStorageError: "retry elsewhere",
        .replicaNotAvailable: "retry elsewhere",
        .outOfOrderSequenceNumber: "renew", .unknownProducerID: "renew",
        .messageTooLarge: "quarantine", .recordListTooLarge: "quarantine", .invalidTimestamp: "quarantine",
        .invalidRecord: "quarantine",
        .topicAuthorizationFailed: "fail notAuthorized", .clusterAuthorizationFailed: "fail notAuthorized",
        .invalidProducerEpoch: "fail fenced", .producerFenced: "fail fenced",
    ]

    @Test(arguments: (-1...150).map { ErrorCode(rawValue: $0) })
    func `every code has its verdict`(code: ErrorCode) {
        let usual = code.isRetriable ? "retry" : "fail refusedByTarget"
        #expect(kind(code, isOldest: true) == Self.special[code] ?? usual)
    }

    @Test func `behind a failed batch a sequence out of order is only its echo`() {
        #expect(kind(.outOfOrderSequenceNumber, isOldest: false) == "retry")
        #expect(kind(.unknownProducerID, isOldest: false) == "renew")
    }

    @Test func `corrupt is what was corrupt before it was sent; else it happened on the way`() {
        #expect(kind(.corruptMessage, isOldest: true, isDamaged: true) == "quarantine whole")
        #expect(kind(.corruptMessage, isOldest: true, isDamaged: false) == "retry")
    }

    @Test func `explanations carry the broker's own words`() {
        let verdict = ProduceVerdict(code: .policyViolation, message: "no", isOldestInFlight: true)
        guard case .fail(let failure) = verdict else { return #expect(Bool(false), "\(verdict)") }
        #expect(failure.explanation == "the target refuses a batch: POLICY_VIOLATION (44), no")
    }
}
