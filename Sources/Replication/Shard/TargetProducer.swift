internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore

/// The task that produces to one target broker.
extension Shard {
    /// Requests in flight on one connection; brokers answer them in order. From nearby a few keep it busy, and small
    /// batches gather to be merged; over a distance each partition may have as many on their way as its sequences allow.
    private static func pipelineDepth(isFar: Bool) -> Int { isFar ? 25 : 5 }
    /// Time for the broker to wait for its replicas, in milliseconds.
    private static let acknowledgementTimeout: Int32 = 30_000
    /// Time until the lease is looked at again that has run out: a late answer may still extend it.
    private static let lostPause: TimeAmount = .milliseconds(100)
    /// The version of Produce from which on a topic goes by its id: a namesake that was created since takes nothing.
    private static let firstWithTopicIDs: Int16 = 13

    func runTargetProducer(_ broker: Int32) async {
        let signal = link(target: broker).signal
        var signals = signal.makeWaiter()
        var isFar = false
        while !isFinished || link(target: broker).requestsInFlight > 0 {
            guard !isFinished, link(target: broker).requestsInFlight < Self.pipelineDepth(isFar: isFar),
                scheduler.hasWork(atTarget: broker), link(target: broker).mayAsk(at: .now())
            else {
                guard await signals.next() != nil else { break }
                continue
            }
            let round = link(target: broker).round
            do throws(KafkaError) {
                let connection = try await target.connection(to: broker, purpose: .produce(0))
                isFar = TimeAmount(connection.roundTrip) >= ShardScheduler.far
                let version = try connection.version(of: ProduceRequest.self)
                // The last look before the request: a process that was frozen until now learns it here.
                guard lease.isHeld else {
                    eventLoop.scheduleTask(in: Self.lostPause) { signal.notify() }
                    _ = await signals.next()
                    continue
                }
                let sendings = scheduler.nextSendings(to: broker, isFar: isFar)
                guard !sendings.isEmpty else { continue }
                try await send(sendings, connection, version, broker, in: round)
            } catch {
                failed(target: broker, error, in: round)
            }
        }
    }

    private func send(
        _ sendings: [ShardScheduler.Sending], _ connection: BrokerConnection, _ version: Int16, _ broker: Int32,
        in round: Int
    ) async throws(KafkaError) {
        var unsent = Self.divided(sendings, version)[...]
        while let (sendings, version) = unsent.first {
            submitted(target: broker)
            do throws(KafkaError) {
                // Connections of the shard are on its event loop.
                try await connection.produce(Self.request(sendings), version: version) { result in
                    self.assumeIsolated { $0.finish(sendings, result, broker, in: round) }
                }
            } catch {
                completed(target: broker)
                for (sendings, _) in unsent { lost(sendings) }
                throw error
            }
            unsent.removeFirst()
        }
    }

    /// If topics go by id, those whose id is not known take a request of their own, which names them.
    private static func divided(
        _ sendings: [ShardScheduler.Sending], _ version: Int16
    ) -> [(sendings: [ShardScheduler.Sending], version: Int16)] {
        guard version >= firstWithTopicIDs, sendings.contains(where: { $0.topicID == .zero }) else {
            return [(sendings, version)]
        }
        let requests = [
            (sendings.filter { $0.topicID != .zero }, version),
            (sendings.filter { $0.topicID == .zero }, firstWithTopicIDs - 1),
        ]
        return requests.filter { !$0.0.isEmpty }
    }

    /// One name may have had two topics within a request.
    private struct NamedTopic: Hashable {
        var name: String
        var id: KafkaUUID
    }

    private static func request(_ sendings: [ShardScheduler.Sending]) -> ProduceRequest {
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = acknowledgementTimeout
        var topics: [NamedTopic: Int] = [:]
        for sending in sendings {
            let name = NamedTopic(name: sending.target.topic, id: sending.topicID)
            var partition = ProduceRequest.PartitionProduceData()
            partition.index = sending.target.partition
            partition.records = sending.attempt.records
            if let known = topics[name] {
                request.topicData[known].partitionData.append(partition)
                continue
            }
            topics[name] = request.topicData.count
            var topic = ProduceRequest.TopicProduceData()
            topic.name = name.name
            topic.topicID = name.id
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
        var answers: [ProduceAnswer?] = Array(repeating: nil, count: sendings.count)
        var lookup = SendingLookup(sendings)
        for topic in response.responses {
            for partition in topic.partitionResponses {
                guard let number = lookup.index(topicID: topic.topicID, name: topic.name, partition: partition.index)
                else { continue }
                let place = sendings[number].target
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
                answers[number] = ProduceAnswer(
                    partition.errorCode, message: partition.errorMessage, baseOffset: partition.baseOffset,
                    logStartOffset: partition.logStartOffset)
            }
        }
        let now = NIODeadline.now()
        let time = wallClock()
        for (sending, answer) in zip(sendings, answers) {
            scheduler.send(to: sending.index) { partition in
                if let answer {
                    partition.answered(answer, to: sending.attempt, at: now, wallClock: time)
                } else {
                    partition.unanswered(backsOff: true, at: now)
                }
            }
        }
        perform()
    }
}
