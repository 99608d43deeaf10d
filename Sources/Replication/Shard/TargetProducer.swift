internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore

/// The task that produces to one target broker.
extension Shard {
    /// Requests in flight on one connection; brokers answer them in order.
    private static let pipelineDepth = 5
    /// Time for the broker to wait for its replicas, in milliseconds.
    private static let acknowledgementTimeout: Int32 = 30_000

    func runTargetProducer(_ broker: Int32) async {
        var signals = link(target: broker).signal.makeWaiter()
        while !isFinished || link(target: broker).requestsInFlight > 0 {
            guard !isFinished, link(target: broker).requestsInFlight < Self.pipelineDepth,
                scheduler.hasWork(atTarget: broker), link(target: broker).mayAsk(at: .now())
            else {
                guard await signals.next() != nil else { break }
                continue
            }
            let round = link(target: broker).round
            do throws(KafkaError) {
                let connection = try await target.connection(to: broker, purpose: .produce(0))
                let version = try connection.version(of: ProduceRequest.self)
                let sendings = scheduler.nextSendings(to: broker)
                guard !sendings.isEmpty else { continue }
                submitted(target: broker)
                do throws(KafkaError) {
                    // Connections of the shard are on its event loop.
                    try await connection.submit(Self.request(sendings), version: version) { result in
                        self.assumeIsolated { $0.finish(sendings, result, broker, in: round) }
                    }
                } catch {
                    completed(target: broker)
                    lost(sendings)
                    throw error
                }
            } catch {
                failed(target: broker, error, in: round)
            }
        }
    }

    private static func request(_ sendings: [ShardScheduler.Sending]) -> ProduceRequest {
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = acknowledgementTimeout
        var topics: [String: Int] = [:]
        for sending in sendings {
            var partition = ProduceRequest.PartitionProduceData()
            partition.index = sending.target.partition
            partition.records = sending.attempt.records
            if let known = topics[sending.target.topic] {
                request.topicData[known].partitionData.append(partition)
                continue
            }
            topics[sending.target.topic] = request.topicData.count
            var topic = ProduceRequest.TopicProduceData()
            topic.name = sending.target.topic
            topic.partitionData = [partition]
            request.topicData.append(topic)
        }
        return request
    }

    private func finish(
        _ sendings: [ShardScheduler.Sending], _ result: Result<ProduceResponse, KafkaError>, _ broker: Int32,
        in round: Int
    ) {
        completed(target: broker)
        switch result {
        case .success(let response):
            succeeded(target: broker, in: round)
            obey(throttleMilliseconds: response.throttleTimeMs, target: broker)
            answered(sendings, response)
        case .failure(let error):
            lost(sendings)
            // Connections are closed at the end.
            if !hasEnded { failed(target: broker, error, in: round) }
        }
        notify(target: broker)
        endIfDrained()
    }

    /// No answer comes: the broker may have the batches or not.
    private func lost(_ sendings: [ShardScheduler.Sending]) {
        let now = NIODeadline.now()
        for sending in sendings { scheduler.send(to: sending.index) { $0.unanswered(backsOff: false, at: now) } }
        perform()
    }

    private func answered(_ sendings: [ShardScheduler.Sending], _ response: ProduceResponse) {
        var answers: [TopicPartition: ProduceAnswer] = [:]
        for topic in response.responses {
            for partition in topic.partitionResponses {
                let place = TopicPartition(topic.name, partition.index)
                if partition.errorCode == .none, let flaw = partition.flaw {
                    // It may be in the log or not: as without an answer, the log will tell.
                    disbelieved.insert(place)
                    troubles.began(
                        .answers(place), shard: number,
                        "\(target.settings.name) answers \(flaw), which cannot be true")
                    continue
                }
                if partition.errorCode == .none, !disbelieved.isEmpty, disbelieved.remove(place) != nil {
                    troubles.ended(.answers(place), shard: number)
                }
                answers[place] = ProduceAnswer(
                    partition.errorCode, message: partition.errorMessage, baseOffset: partition.baseOffset,
                    logStartOffset: partition.logStartOffset)
            }
        }
        let now = NIODeadline.now()
        let time = wallClock()
        for sending in sendings {
            scheduler.send(to: sending.index) { partition in
                if let answer = answers[sending.target] {
                    partition.answered(answer, to: sending.attempt, at: now, wallClock: time)
                } else {
                    partition.unanswered(backsOff: true, at: now)
                }
            }
        }
        perform()
    }
}
