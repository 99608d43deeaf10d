import KafkaWire

/// Transaction markers of a producer without an open transaction, one after the other. Each takes one offset, and no
/// consumer sees it (`ProducerAppendInfo.appendEndTxnMarker`).
public struct MarkerRun: Sendable, Hashable {
    public var producer: ProducerIdentity
    public var count: Int

    public init(producer: ProducerIdentity, count: Int) {
        self.producer = producer
        self.count = count
    }
}

/// The outcome of a ``MarkerRun``.
public enum MarkerOutcome: Sendable, Hashable {
    /// All of them are on all in-sync replicas, as far as the broker tells: it has one answer for all markers of a producer.
    case written
    /// None is in the log.
    case refused(KafkaError)
    /// Some may be in the log, or may still come.
    case inDoubt(KafkaError)
}

extension ClusterClient {
    /// Appends lone markers to partitions that a broker leads, once: what is in doubt is not sent again. Needs ALTER on the
    /// cluster.
    ///
    /// - Parameter mayStill: asked once there is a connection, immediately before they are sent: a process may have been frozen
    ///   until then. False refuses all of them.
    public func writeMarkers(
        _ runs: [TopicPartition: MarkerRun], at broker: Int32, mayStill: @Sendable () -> Bool = { true }
    ) async -> [TopicPartition: MarkerOutcome] {
        let connection: BrokerConnection
        let version: Int16
        do throws(KafkaError) {
            connection = try await self.connection(to: broker, purpose: .produce(1))
            version = try connection.version(of: WriteTxnMarkersRequest.self)
        } catch {
            return runs.mapValues { _ in .refused(error) }
        }
        guard mayStill() else {
            let late = error(.cancelled, during: .request(.writeTxnMarkers))
            return runs.mapValues { _ in .refused(late) }
        }
        do throws(KafkaError) {
            let response = try await connection.send(request(for: runs), version: version, timeout: answerTimeout)
            return outcomes(of: runs, in: response)
        } catch {
            return runs.mapValues { _ in .inDoubt(error) }
        }
    }

    /// Markers that several partitions need share an entry.
    private func request(for runs: [TopicPartition: MarkerRun]) -> WriteTxnMarkersRequest {
        var request = WriteTxnMarkersRequest()
        for (producer, partitions) in Dictionary(grouping: runs.keys, by: { runs[$0]?.producer }) {
            guard let producer else { continue }
            var left = partitions
            var number = 0
            while true {
                left.removeAll { runs[$0]?.count ?? 0 <= number }
                if left.isEmpty { break }
                var marker = WriteTxnMarkersRequest.WritableTxnMarker()
                marker.producerID = producer.id
                marker.producerEpoch = producer.epoch
                marker.topics = Dictionary(grouping: left, by: \.topic).map { name, partitions in
                    var topic = WriteTxnMarkersRequest.WritableTxnMarkerTopic()
                    topic.name = name
                    topic.partitionIndexes = partitions.map(\.partition)
                    return topic
                }
                let longest = left.allSatisfy { runs[$0]?.count == runs[left[0]]?.count }
                // The entries that follow are the same.
                let count = longest ? (runs[left[0]]?.count ?? 0) - number : 1
                request.markers.append(contentsOf: repeatElement(marker, count: count))
                number += count
            }
        }
        return request
    }

    private func outcomes(
        of runs: [TopicPartition: MarkerRun], in response: WriteTxnMarkersResponse
    ) -> [TopicPartition: MarkerOutcome] {
        var codes: [TopicPartition: Set<ErrorCode>] = [:]
        for marker in response.markers {
            for topic in marker.topics {
                for answer in topic.partitions {
                    codes[TopicPartition(topic.name, answer.partitionIndex), default: []].insert(answer.errorCode)
                }
            }
        }
        return Dictionary(
            uniqueKeysWithValues: runs.map { partition, run in
                let codes = codes[partition] ?? []
                if codes == [.none] { return (partition, .written) }
                let reason: KafkaError.Reason =
                    codes.first { $0 != .none }.map { .broker($0, message: nil) }
                    ?? .unexpectedAnswer("the broker says nothing of the markers")
                let error = error(reason, during: .request(.writeTxnMarkers))
                    .about(topic: partition.topic, partition: partition.partition)
                // Of several, some may have been taken before one was refused.
                let isCertain =
                    !codes.contains(.none) && codes.count == 1
                    && codes.isSubset(of: run.count == 1 ? Self.beforeAppending : Self.beforeAny)
                return (partition, isCertain ? .refused(error) : .inDoubt(error))
            })
    }

    /// Refusals of a whole request, or of a topic.
    private static var beforeAny: Set<ErrorCode> { [.clusterAuthorizationFailed, .invalidTopicException] }
    /// Refusals of a marker that is not in the log.
    private static var beforeAppending: Set<ErrorCode> {
        beforeAny.union([
            .notLeaderOrFollower, .unknownTopicOrPartition, .notEnoughReplicas, .invalidProducerEpoch, .producerFenced,
            .transactionCoordinatorFenced, .leaderNotAvailable, .kafkaStorageError,
        ])
    }
}
