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
    /// Time until the lease is looked at again that has run out: a late answer may still extend it.
    private static let lostPause: TimeAmount = .milliseconds(100)

    func runTargetProducer(_ broker: Int32) async {
        let signal = link(target: broker).signal
        await withDiscardingTaskGroup { group in
            var signals = signal.makeWaiter()
            while !isFinished {
                guard link(target: broker).requestsInFlight < Self.pipelineDepth, scheduler.hasWork(atTarget: broker),
                    link(target: broker).mayAsk(at: .now())
                else {
                    guard await signals.next() != nil else { break }
                    continue
                }
                let round = link(target: broker).round
                do throws(KafkaError) {
                    let connection = try await target.connection(to: broker, purpose: .produce(0))
                    let version = try connection.version(of: ProduceRequest.self)
                    // The last look before the request: a process that was frozen until now learns it here.
                    guard lease.isHeld else {
                        eventLoop.scheduleTask(in: Self.lostPause) { signal.notify() }
                        _ = await signals.next()
                        continue
                    }
                    let sendings = scheduler.nextSendings(to: broker)
                    guard !sendings.isEmpty else { continue }
                    do throws(KafkaError) {
                        let pending = try await connection.submit(Self.request(sendings), version: version)
                        submitted(target: broker)
                        group.addTask { await self.finish(sendings, pending, broker, in: round) }
                    } catch {
                        lost(sendings)
                        throw error
                    }
                } catch {
                    failed(target: broker, error, in: round)
                }
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
        _ sendings: [ShardScheduler.Sending], _ pending: PendingReply<ProduceResponse>, _ broker: Int32, in round: Int
    ) async {
        do throws(KafkaError) {
            let response = try await pending.value()
            completed(target: broker)
            succeeded(target: broker, in: round)
            obey(throttleMilliseconds: response.throttleTimeMs, target: broker)
            answered(sendings, response)
        } catch {
            completed(target: broker)
            lost(sendings)
            failed(target: broker, error, in: round)
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
