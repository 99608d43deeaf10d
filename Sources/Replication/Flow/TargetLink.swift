internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore

/// The task that produces to one target broker.
extension Shard {
    /// Requests in flight on one connection; brokers answer them in order.
    private static let pipelineDepth = 5
    /// How long the broker may wait for its replicas, in milliseconds.
    private static let acknowledgementTimeout: Int32 = 30_000

    func runTargetLink(_ broker: Int32) async {
        let wake = link(target: broker).wake
        await withDiscardingTaskGroup { group in
            var wakes = wake.makeWaiter()
            while !isFinished {
                guard link(target: broker).requestsInFlight < Self.pipelineDepth, state.hasWork(atTarget: broker),
                    link(target: broker).mayAsk(at: .now())
                else {
                    guard await wakes.next() != nil else { break }
                    continue
                }
                do throws(KafkaError) {
                    let connection = try await target.connection(to: broker, purpose: .produce(0))
                    let version = try connection.version(of: ProduceRequest.self)
                    let sendings = state.nextSendings(to: broker)
                    guard !sendings.isEmpty else { continue }
                    do throws(KafkaError) {
                        let pending = try await connection.submit(Self.request(sendings), version: version)
                        submitted(target: broker)
                        group.addTask { await self.finish(sendings, pending, broker) }
                    } catch {
                        lost(sendings)
                        throw error
                    }
                } catch {
                    failed(target: broker, error)
                }
            }
        }
    }

    private static func request(_ sendings: [ShardState.Sending]) -> ProduceRequest {
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = acknowledgementTimeout
        var topics: [String: Int] = [:]
        for sending in sendings {
            var partition = ProduceRequest.PartitionProduceData()
            partition.index = sending.target.partition
            partition.records = sending.records
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
        _ sendings: [ShardState.Sending], _ pending: PendingReply<ProduceResponse>, _ broker: Int32
    ) async {
        do throws(KafkaError) {
            let response = try await pending.value()
            answered(target: broker)
            succeeded(target: broker)
            obey(throttleMilliseconds: response.throttleTimeMs, target: broker)
            settle(sendings, response)
        } catch {
            answered(target: broker)
            lost(sendings)
            failed(target: broker, error)
        }
        ring(target: broker)
        ringAllSources()
        endIfDrained()
    }

    /// No answer: the broker may have the batches or not.
    private func lost(_ sendings: [ShardState.Sending]) {
        for sending in sendings {
            state.notWritten(sending.index, isUncertain: true, renewsEpoch: false, rests: false, now: .now())
        }
        footingWake.ring()
    }

    private func settle(_ sendings: [ShardState.Sending], _ response: ProduceResponse) {
        var answers: [TopicPartition: ProduceResponse.PartitionProduceResponse] = [:]
        for topic in response.responses {
            for partition in topic.partitionResponses {
                answers[TopicPartition(topic.name, partition.index)] = partition
            }
        }
        let now = NIODeadline.now()
        let time = wallClock()
        for sending in sendings {
            guard let answer = answers[sending.target] else {
                state.notWritten(sending.index, isUncertain: true, renewsEpoch: false, rests: true, now: now)
                continue
            }
            if answer.errorCode == .corruptMessage, isDamaged(sending) {
                guard
                    !(state.policies.quarantined == .continue
                        && state.partitions[sending.index].window.oldestSequence == sending.sequence)
                else {
                    state.refuse(sending.index, "its checksum does not match: corrupt at the source", isWhole: true)
                    state.notWritten(sending.index, renewsEpoch: false, rests: false, now: now)
                    continue
                }
                state.notWritten(sending.index, renewsEpoch: false, rests: false, now: now)
                stop(
                    sending.index, .unreadable,
                    "the batch behind source offset \(state.partitions[sending.index].passed) does not match its "
                        + "checksum: the record data at the source is corrupt, or was altered on the way")
                continue
            }
            // Asked in place: a copy of the window would make the next change to it copy its queue.
            let oldest = state.partitions[sending.index].window.oldestSequence
            let verdict = ProduceVerdict(
                code: answer.errorCode, message: answer.errorMessage,
                isOldestInFlight: oldest == sending.sequence)
            switch verdict {
            case .written:
                state.written(
                    sending.index, sequence: sending.sequence, baseOffset: answer.baseOffset,
                    targetLogStart: answer.logStartOffset, now: now, wallClock: time)
                stopIfDue(sending.index)
            case .retry(let refresh):
                state.notWritten(sending.index, renewsEpoch: false, rests: true, now: now)
                if refresh { refreshLeaders() }
                note(answer, to: sending)
            case .uncertain(let refresh):
                state.notWritten(sending.index, isUncertain: true, renewsEpoch: false, rests: true, now: now)
                if refresh { refreshLeaders() }
                note(answer, to: sending)
            case .renewEpoch:
                state.notWritten(sending.index, renewsEpoch: true, rests: false, now: now)
                note(answer, to: sending)
            case .quarantine(let explanation):
                if oldest != sending.sequence {
                    // Behind another failure; it will be its turn.
                    state.notWritten(sending.index, renewsEpoch: false, rests: true, now: now)
                } else if state.policies.quarantined == .continue {
                    state.refuse(sending.index, explanation, isWhole: false)
                    state.notWritten(sending.index, renewsEpoch: false, rests: false, now: now)
                } else {
                    state.notWritten(sending.index, renewsEpoch: false, rests: false, now: now)
                    stop(
                        sending.index, .refusedByTarget,
                        explanation + ". With policies: {quarantined: continue} such records are left out")
                }
            case .fail(let reason, let explanation):
                state.notWritten(sending.index, renewsEpoch: false, rests: false, now: now)
                stop(sending.index, reason, explanation)
            }
        }
        for sending in sendings { reportLeftOut(sending.index) }
        scheduleEndOfRests()
        footingWake.ring()
    }

    /// Whether a batch that the target refuses as corrupt was so already when it came from the source: rewriting the
    /// header keeps a wrong checksum wrong.
    private func isDamaged(_ sending: ShardState.Sending) -> Bool {
        guard let batch = try? RecordBatch(sending.records.contiguous) else { return true }
        return !batch.isChecksumValid
    }

    private func scheduleEndOfRests() {
        guard let next = state.endRests(now: .now()) else { return }
        eventLoop.scheduleTask(deadline: next) { self.assumeIsolated { $0.restsEnded() } }
    }

    private func restsEnded() {
        scheduleEndOfRests()
        ringAllTargets()
    }

    /// Remembers why a batch was not taken, for when it lasts.
    private func note(_ answer: ProduceResponse.PartitionProduceResponse, to sending: ShardState.Sending) {
        var text = "\(target.settings.name) answers \(answer.errorCode)"
        if let message = answer.errorMessage, !message.isEmpty { text += ", \"\(message)\"" }
        state.partitions[sending.index].obstacle = text
        logger.debug(
            "target did not take a batch, sending it again",
            metadata: [
                "topic": "\(sending.target.topic)", "partition": "\(sending.target.partition)", "reason": "\(text)",
            ])
    }
}
