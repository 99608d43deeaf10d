import KafkaClient
import KafkaWire
import Testing

/// What errors say, and what they ask for.
@Suite struct ErrorTests {
    static let broker = BrokerName(id: 2, address: HostAndPort(host: "b2", port: 9092))

    @Test func `a broker's refusal names cluster, topic, partition, broker, code and remedy`() {
        let error = KafkaError(
            .broker(.messageTooLarge, message: "1048577 > 1048576"), during: .request(.produce), cluster: "west",
            broker: Self.broker, topic: "orders", partition: 3)
        #expect(
            "\(error)"
                == "west: Produce of orders-3 at broker 2 (b2:9092): MESSAGE_TOO_LARGE (10), \"1048577 > 1048576\"; raise max.message.bytes of the topic"
        )
    }

    @Test(arguments: [
        (KafkaError.Reason.timedOut(after: .seconds(30)), "no answer within 30.0 seconds"),
        (
            .connection(.closedByBroker),
            "the broker closed the connection before it answered; if this happens at once, check that securityProtocol fits the listener (TLS or not, SASL or not)"
        ),
        (.connection(.tls("bad certificate")), "TLS failed: bad certificate"),
        (
            .wire(.trailingBytes(at: 7, count: 2)),
            "bytes that cannot be understood (2 bytes left over at byte 7); is a Kafka broker listening there?"
        ),
        (
            .unsupported(.fetch, needed: 4...17, offered: 0...3),
            "the broker speaks versions 0-3, but 4-17 is needed; upgrade the broker"
        ),
        (
            .unsupported(.fetch, needed: 4...4, offered: nil),
            "the broker does not know this request (versions 4 would do); upgrade the broker"
        ),
        (.broker(ErrorCode(rawValue: 999), message: nil), "UNKNOWN_ERROR_CODE (999)"),
        (.closed, "the client is closed"),
        (.cancelled, "cancelled"),
    ])
    func `every reason has its words`(reason: KafkaError.Reason, text: String) {
        let error = KafkaError(reason, during: .request(.fetch), cluster: "west", broker: Self.broker)
        #expect("\(error)" == "west: Fetch at broker 2 (b2:9092): \(text)")
    }

    @Test(arguments: [
        (ErrorCode.notLeaderOrFollower, ApiKey.produce, Remedy.refreshMetadata),
        (.unknownTopicOrPartition, .fetch, .refreshMetadata),
        (.unknownTopicOrPartition, .deleteTopics, .stop),
        (.notController, .createTopics, .refreshMetadata),
        (.topicAlreadyExists, .createTopics, .stop),
        (.notCoordinator, .offsetCommit, .findCoordinator),
        (.coordinatorNotAvailable, .findCoordinator, .retry),
        (.coordinatorLoadInProgress, .offsetFetch, .retry),
        (.notEnoughReplicas, .produce, .retry),
        (.requestTimedOut, .produce, .retry),
        (.throttlingQuotaExceeded, .createTopics, .retry),
        (.messageTooLarge, .produce, .skipPartition),
        (.topicAuthorizationFailed, .produce, .skipPartition),
        (.topicAuthorizationFailed, .describeConfigs, .stop),
        (.offsetOutOfRange, .fetch, .skipPartition),
        (.invalidRecord, .produce, .skipPartition),
        (.outOfOrderSequenceNumber, .produce, .renewProducer),
        (.unknownProducerID, .produce, .renewProducer),
        (.producerFenced, .produce, .stop),
        (.illegalSaslState, .metadata, .reauthenticate),
        (.clusterAuthorizationFailed, .produce, .stop),
        (.unknownServerError, .fetch, .retry),
        (.unknownServerError, .createTopics, .stop),
        (.fetchSessionIDNotFound, .fetch, .retry),
        (ErrorCode(rawValue: 999), .fetch, .skipPartition),
        (ErrorCode(rawValue: 999), .metadata, .stop),
    ])
    func `the remedy depends on the code and the request`(code: ErrorCode, api: ApiKey, expected: Remedy) {
        #expect(remedy(for: code, during: api) == expected)
        let error = KafkaError(.broker(code, message: nil), during: .request(api), cluster: "west")
        #expect(error.remedy == expected)
        #expect(error.isRetriable == [.retry, .refreshMetadata, .findCoordinator, .reauthenticate].contains(expected))
    }
}
