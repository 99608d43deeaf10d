/// The codes that Kafka has given out, in their order.
extension ErrorCode {
    /// The broker met an error it has no code for; its log says which.
    public static let unknownServerError = ErrorCode(rawValue: -1)
    public static let none = ErrorCode(rawValue: 0)
    /// Below the log start or past its end.
    public static let offsetOutOfRange = ErrorCode(rawValue: 1)
    /// A checksum, a size or a null key that a compacted topic does not take.
    public static let corruptMessage = ErrorCode(rawValue: 2)
    /// Not on this broker: gone, not yet known here, or hidden from a caller who may not describe it.
    public static let unknownTopicOrPartition = ErrorCode(rawValue: 3)
    public static let invalidFetchSize = ErrorCode(rawValue: 4)
    /// An election is under way.
    public static let leaderNotAvailable = ErrorCode(rawValue: 5)
    /// The partition moved: metadata has to be looked up again.
    public static let notLeaderOrFollower = ErrorCode(rawValue: 6)
    /// The request may still have been carried out.
    public static let requestTimedOut = ErrorCode(rawValue: 7)
    public static let brokerNotAvailable = ErrorCode(rawValue: 8)
    /// The broker has not got the replica, yet.
    public static let replicaNotAvailable = ErrorCode(rawValue: 9)
    public static let messageTooLarge = ErrorCode(rawValue: 10)
    public static let staleControllerEpoch = ErrorCode(rawValue: 11)
    public static let offsetMetadataTooLarge = ErrorCode(rawValue: 12)
    /// Made up by clients for a connection that broke; brokers do not send it.
    public static let networkException = ErrorCode(rawValue: 13)
    /// The coordinator still reads its state.
    public static let coordinatorLoadInProgress = ErrorCode(rawValue: 14)
    /// Not elected yet, or its internal topic is not there.
    public static let coordinatorNotAvailable = ErrorCode(rawValue: 15)
    /// The group or transactional id moved: the coordinator has to be found again.
    public static let notCoordinator = ErrorCode(rawValue: 16)
    /// A name that no topic may have, or an internal topic.
    public static let invalidTopicException = ErrorCode(rawValue: 17)
    /// Larger than a segment.
    public static let recordListTooLarge = ErrorCode(rawValue: 18)
    /// Fewer than `min.insync.replicas`; nothing was written.
    public static let notEnoughReplicas = ErrorCode(rawValue: 19)
    /// Fewer than `min.insync.replicas`; the batch was written all the same.
    public static let notEnoughReplicasAfterAppend = ErrorCode(rawValue: 20)
    public static let invalidRequiredAcks = ErrorCode(rawValue: 21)
    /// From a generation that is over.
    public static let illegalGeneration = ErrorCode(rawValue: 22)
    /// The member's assignors or protocol type do not fit the group's.
    public static let inconsistentGroupProtocol = ErrorCode(rawValue: 23)
    public static let invalidGroupID = ErrorCode(rawValue: 24)
    /// The member was removed, or never was one: it has to join again.
    public static let unknownMemberID = ErrorCode(rawValue: 25)
    public static let invalidSessionTimeout = ErrorCode(rawValue: 26)
    /// The member has to join again.
    public static let rebalanceInProgress = ErrorCode(rawValue: 27)
    public static let invalidCommitOffsetSize = ErrorCode(rawValue: 28)
    public static let topicAuthorizationFailed = ErrorCode(rawValue: 29)
    public static let groupAuthorizationFailed = ErrorCode(rawValue: 30)
    public static let clusterAuthorizationFailed = ErrorCode(rawValue: 31)
    /// Too far from the broker's clock, or a batch stamped LogAppendTime.
    public static let invalidTimestamp = ErrorCode(rawValue: 32)
    public static let unsupportedSaslMechanism = ErrorCode(rawValue: 33)
    /// Another request where authentication was due, or the other way round.
    public static let illegalSaslState = ErrorCode(rawValue: 34)
    public static let unsupportedVersion = ErrorCode(rawValue: 35)
    public static let topicAlreadyExists = ErrorCode(rawValue: 36)
    public static let invalidPartitions = ErrorCode(rawValue: 37)
    public static let invalidReplicationFactor = ErrorCode(rawValue: 38)
    public static let invalidReplicaAssignment = ErrorCode(rawValue: 39)
    public static let invalidConfig = ErrorCode(rawValue: 40)
    /// Only the controller can do this; it moved.
    public static let notController = ErrorCode(rawValue: 41)
    public static let invalidRequest = ErrorCode(rawValue: 42)
    public static let unsupportedForMessageFormat = ErrorCode(rawValue: 43)
    /// Refused by a policy the cluster's operator installed, or by the topic's configuration.
    public static let policyViolation = ErrorCode(rawValue: 44)
    /// A gap: an earlier batch of the producer is missing.
    public static let outOfOrderSequenceNumber = ErrorCode(rawValue: 45)
    /// A batch that is already in the log, too far back to say where.
    public static let duplicateSequenceNumber = ErrorCode(rawValue: 46)
    /// An older epoch than the log has seen: another producer took over.
    public static let invalidProducerEpoch = ErrorCode(rawValue: 47)
    /// The request does not fit the state of the transaction.
    public static let invalidTxnState = ErrorCode(rawValue: 48)
    /// The transactional id belongs to another producer id by now.
    public static let invalidProducerIDMapping = ErrorCode(rawValue: 49)
    public static let invalidTransactionTimeout = ErrorCode(rawValue: 50)
    /// The transaction before it is not finished; soon it will be.
    public static let concurrentTransactions = ErrorCode(rawValue: 51)
    /// The coordinator was replaced.
    public static let transactionCoordinatorFenced = ErrorCode(rawValue: 52)
    public static let transactionalIDAuthorizationFailed = ErrorCode(rawValue: 53)
    public static let securityDisabled = ErrorCode(rawValue: 54)
    /// Something before it in the request failed.
    public static let operationNotAttempted = ErrorCode(rawValue: 55)
    /// A disk failed; another replica takes over.
    public static let kafkaStorageError = ErrorCode(rawValue: 56)
    public static let logDirNotFound = ErrorCode(rawValue: 57)
    public static let saslAuthenticationFailed = ErrorCode(rawValue: 58)
    /// The log no longer remembers the producer.
    public static let unknownProducerID = ErrorCode(rawValue: 59)
    public static let reassignmentInProgress = ErrorCode(rawValue: 60)
    public static let delegationTokenAuthDisabled = ErrorCode(rawValue: 61)
    public static let delegationTokenNotFound = ErrorCode(rawValue: 62)
    public static let delegationTokenOwnerMismatch = ErrorCode(rawValue: 63)
    public static let delegationTokenRequestNotAllowed = ErrorCode(rawValue: 64)
    public static let delegationTokenAuthorizationFailed = ErrorCode(rawValue: 65)
    public static let delegationTokenExpired = ErrorCode(rawValue: 66)
    public static let invalidPrincipalType = ErrorCode(rawValue: 67)
    /// The group has members.
    public static let nonEmptyGroup = ErrorCode(rawValue: 68)
    public static let groupIDNotFound = ErrorCode(rawValue: 69)
    /// The fetch session is gone: a full fetch opens another.
    public static let fetchSessionIDNotFound = ErrorCode(rawValue: 70)
    /// The fetch session's answers got lost or mixed up: a full fetch opens another.
    public static let invalidFetchSessionEpoch = ErrorCode(rawValue: 71)
    public static let listenerNotFound = ErrorCode(rawValue: 72)
    public static let topicDeletionDisabled = ErrorCode(rawValue: 73)
    /// The caller knows an older leader epoch than the broker.
    public static let fencedLeaderEpoch = ErrorCode(rawValue: 74)
    /// The caller knows a newer leader epoch than the broker, which has to catch up.
    public static let unknownLeaderEpoch = ErrorCode(rawValue: 75)
    public static let unsupportedCompressionType = ErrorCode(rawValue: 76)
    public static let staleBrokerEpoch = ErrorCode(rawValue: 77)
    /// Just elected: the high watermark is not known yet.
    public static let offsetNotAvailable = ErrorCode(rawValue: 78)
    /// The answer holds the member id to join with.
    public static let memberIDRequired = ErrorCode(rawValue: 79)
    public static let preferredLeaderNotAvailable = ErrorCode(rawValue: 80)
    /// `group.max.size` members are in.
    public static let groupMaxSizeReached = ErrorCode(rawValue: 81)
    /// Another member has taken the same instance id.
    public static let fencedInstanceID = ErrorCode(rawValue: 82)
    public static let eligibleLeadersNotAvailable = ErrorCode(rawValue: 83)
    /// The preferred replica leads already.
    public static let electionNotNeeded = ErrorCode(rawValue: 84)
    public static let noReassignmentInProgress = ErrorCode(rawValue: 85)
    /// Members read the topic.
    public static let groupSubscribedToTopic = ErrorCode(rawValue: 86)
    /// The answer names the records.
    public static let invalidRecord = ErrorCode(rawValue: 87)
    /// A transaction may still change the offset.
    public static let unstableOffsetCommit = ErrorCode(rawValue: 88)
    /// Too many changes: `controller_mutation_rate`.
    public static let throttlingQuotaExceeded = ErrorCode(rawValue: 89)
    /// Another producer took over.
    public static let producerFenced = ErrorCode(rawValue: 90)
    public static let resourceNotFound = ErrorCode(rawValue: 91)
    public static let duplicateResource = ErrorCode(rawValue: 92)
    public static let unacceptableCredential = ErrorCode(rawValue: 93)
    public static let inconsistentVoterSet = ErrorCode(rawValue: 94)
    public static let invalidUpdateVersion = ErrorCode(rawValue: 95)
    public static let featureUpdateFailed = ErrorCode(rawValue: 96)
    public static let principalDeserializationFailure = ErrorCode(rawValue: 97)
    public static let snapshotNotFound = ErrorCode(rawValue: 98)
    public static let positionOutOfRange = ErrorCode(rawValue: 99)
    /// The topic is not known here yet, or it is deleted.
    public static let unknownTopicID = ErrorCode(rawValue: 100)
    public static let duplicateBrokerRegistration = ErrorCode(rawValue: 101)
    public static let brokerIDNotRegistered = ErrorCode(rawValue: 102)
    /// A partition's log belongs to another topic of that name.
    public static let inconsistentTopicID = ErrorCode(rawValue: 103)
    /// The bootstrap address leads to another cluster.
    public static let inconsistentClusterID = ErrorCode(rawValue: 104)
    public static let transactionalIDNotFound = ErrorCode(rawValue: 105)
    /// The session began with names and continues with ids, or the other way round.
    public static let fetchSessionTopicIDError = ErrorCode(rawValue: 106)
    public static let ineligibleReplica = ErrorCode(rawValue: 107)
    /// The leader changed while the request waited.
    public static let newLeaderElected = ErrorCode(rawValue: 108)
    /// To be read from remote storage; followers alone see this.
    public static let offsetMovedToTieredStorage = ErrorCode(rawValue: 109)
    /// The member has to join again with epoch 0.
    public static let fencedMemberEpoch = ErrorCode(rawValue: 110)
    /// The static member that holds the instance id is still there.
    public static let unreleasedInstanceID = ErrorCode(rawValue: 111)
    public static let unsupportedAssignor = ErrorCode(rawValue: 112)
    /// The member has missed an answer.
    public static let staleMemberEpoch = ErrorCode(rawValue: 113)
    public static let mismatchedEndpointType = ErrorCode(rawValue: 114)
    public static let unsupportedEndpointType = ErrorCode(rawValue: 115)
    public static let unknownControllerID = ErrorCode(rawValue: 116)
    public static let unknownSubscriptionID = ErrorCode(rawValue: 117)
    public static let telemetryTooLarge = ErrorCode(rawValue: 118)
    public static let invalidRegistration = ErrorCode(rawValue: 119)
    /// The transaction can only be aborted (KIP-890).
    public static let transactionAbortable = ErrorCode(rawValue: 120)
    public static let invalidRecordState = ErrorCode(rawValue: 121)
    public static let shareSessionNotFound = ErrorCode(rawValue: 122)
    public static let invalidShareSessionEpoch = ErrorCode(rawValue: 123)
    public static let fencedStateEpoch = ErrorCode(rawValue: 124)
    public static let invalidVoterKey = ErrorCode(rawValue: 125)
    public static let duplicateVoter = ErrorCode(rawValue: 126)
    public static let voterNotFound = ErrorCode(rawValue: 127)
    public static let invalidRegularExpression = ErrorCode(rawValue: 128)
    /// Start again from the bootstrap addresses (KIP-1102).
    public static let rebootstrapRequired = ErrorCode(rawValue: 129)
    public static let streamsInvalidTopology = ErrorCode(rawValue: 130)
    public static let streamsInvalidTopologyEpoch = ErrorCode(rawValue: 131)
    public static let streamsTopologyFenced = ErrorCode(rawValue: 132)
    public static let shareSessionLimitReached = ErrorCode(rawValue: 133)
}
