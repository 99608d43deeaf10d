import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore

/// Requests that a client might send, to be damaged. None of them names the topic that has to stay.
enum PlausibleRequests {
    static let all: [@Sendable () throws -> any KafkaRequest] = [
        { ProduceRequest(try .batch(["x", "y"]), to: "t") },
        { ProduceRequest(try .batch(["x"], producerID: 1, epoch: 0, sequence: 0), to: "t", 1, acks: 1) },
        { FetchRequest.plain("t") { $0.maxWaitMs = 10 } },
        { FetchRequest.plain("t") { $0.sessionEpoch = 0 } },
        { try JoinGroupRequest(group: "g") },
        {
            var request = SyncGroupRequest()
            request.groupID = "g"
            request.generationID = 1
            return request
        },
        {
            var request = OffsetCommitRequest()
            request.groupID = "g"
            request.generationIDOrMemberEpoch = -1
            var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
            partition.committedOffset = 3
            var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
            topic.name = "t"
            topic.partitions = [partition]
            request.topics = [topic]
            return request
        },
        {
            var request = InitProducerIdRequest()
            request.transactionalID = "x"
            request.transactionTimeoutMs = 1000
            return request
        },
        {
            var topic = CreateTopicsRequest.CreatableTopic()
            topic.name = "made"
            // Assigned by hand, since a damaged number would have thousands of partitions made, one by one.
            var assignment = CreateTopicsRequest.CreatableReplicaAssignment()
            assignment.brokerIDs = [1]
            topic.numPartitions = -1
            topic.replicationFactor = -1
            topic.assignments = [assignment]
            var request = CreateTopicsRequest()
            request.topics = [topic]
            return request
        },
        {
            var request = DeleteTopicsRequest()
            var topic = DeleteTopicsRequest.DeleteTopicState()
            topic.name = "made"
            request.topics = [topic]
            return request
        },
        {
            ListOffsetsRequest {
                $0.replicaID = -1
                $0.topics = [
                    .init {
                        $0.name = "t"
                        $0.partitions = [.init { $0.timestamp = 1000 }]
                    }
                ]
            }
        },
        {
            OffsetForLeaderEpochRequest {
                $0.topics = [
                    .init {
                        $0.topic = "t"
                        $0.partitions = [.init { $0.leaderEpoch = 1 }]
                    }
                ]
            }
        },
        {
            DeleteRecordsRequest {
                $0.topics = [
                    .init {
                        $0.name = "t"
                        $0.partitions = [.init { $0.offset = 1 }]
                    }
                ]
            }
        },
        { HeartbeatRequest { $0.groupID = "g" } },
        {
            LeaveGroupRequest {
                $0.groupID = "g"
                $0.members = [.init { $0.memberID = "m" }]
            }
        },
        {
            OffsetFetchRequest {
                $0.groupID = "g"
                $0.topics = [
                    .init {
                        $0.name = "t"
                        $0.partitionIndexes = [0, 1]
                    }
                ]
                $0.groups = [
                    .init {
                        $0.groupID = "g"
                        $0.topics = nil
                    }
                ]
            }
        },
        {
            OffsetDeleteRequest {
                $0.groupID = "g"
                $0.topics = [
                    .init {
                        $0.name = "t"
                        $0.partitions = [.init { $0.partitionIndex = 0 }]
                    }
                ]
            }
        },
        {
            AddPartitionsToTxnRequest {
                $0.v3AndBelowTransactionalID = "x"
                $0.v3AndBelowTopics = [
                    .init {
                        $0.name = "t"
                        $0.partitions = [0]
                    }
                ]
                $0.transactions = [
                    .init {
                        $0.transactionalID = "x"
                        $0.topics = [
                            .init {
                                $0.name = "t"
                                $0.partitions = [0]
                            }
                        ]
                    }
                ]
            }
        },
        {
            TxnOffsetCommitRequest {
                $0.transactionalID = "x"
                $0.groupID = "g"
                $0.topics = [
                    .init {
                        $0.name = "t"
                        $0.partitions = [.init { $0.committedOffset = 1 }]
                    }
                ]
            }
        },
        { EndTxnRequest { $0.transactionalID = "x" } },
        {
            WriteTxnMarkersRequest {
                $0.markers = [
                    .init {
                        $0.producerID = 7
                        $0.topics = [
                            .init {
                                $0.name = "t"
                                $0.partitionIndexes = [0]
                            }
                        ]
                    }
                ]
            }
        },
        {
            CreatePartitionsRequest {
                $0.validateOnly = true
                $0.topics = [
                    .init {
                        $0.name = "t"
                        $0.count = 3
                        $0.assignments = [.init { $0.brokerIDs = [1] }]
                    }
                ]
            }
        },
        {
            AlterPartitionReassignmentsRequest {
                $0.topics = [
                    .init {
                        $0.name = "t"
                        $0.partitions = [.init { $0.replicas = [1, 2] }]
                    }
                ]
            }
        },
        {
            DescribeProducersRequest {
                $0.topics = [
                    .init {
                        $0.name = "t"
                        $0.partitionIndexes = [0]
                    }
                ]
            }
        },
        {
            DescribeTopicPartitionsRequest {
                $0.topics = [.init { $0.name = "t" }]
                $0.cursor = .init { $0.topicName = "t" }
            }
        },
        {
            AlterClientQuotasRequest {
                $0.validateOnly = true
                $0.entries = [
                    .init {
                        $0.entity = [.init { $0.entityType = "user" }]
                        $0.ops = [
                            .init {
                                $0.key = "producer_byte_rate"
                                $0.value = 1e9
                            }
                        ]
                    }
                ]
            }
        },
        {
            AlterUserScramCredentialsRequest {
                $0.upsertions = [
                    .init {
                        $0.name = "u"
                        $0.mechanism = 1
                        $0.iterations = 4096
                        $0.salt = ByteBuffer(string: "salt")
                        $0.saltedPassword = ByteBuffer(repeating: 1, count: 32)
                    }
                ]
            }
        },
        {
            ListTransactionsRequest {
                $0.producerIDFilters = [1]
                $0.durationFilter = 1
            }
        },
    ]
}

extension JoinGroupRequest {
    fileprivate init(group: String) throws {
        self.init()
        groupID = group
        sessionTimeoutMs = 10_000
        rebalanceTimeoutMs = 10_000
        protocolType = "consumer"
        protocols = [JoinGroupRequestProtocol(name: "range", metadata: ByteBuffer(bytes: [0, 0, 0, 0, 0, 0]))]
    }
}

extension WireStruct {
    /// A message with a few fields set.
    fileprivate init(_ edit: (inout Self) -> Void) {
        self.init()
        edit(&self)
    }
}
