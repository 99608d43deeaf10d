internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore

/// The task that fetches from one source broker.
extension Shard {
    /// How long an idle fetch stays at the broker.
    private static let longestPoll: Duration = .milliseconds(500)
    /// The same while partitions are left out that may have room again at any moment.
    private static let pollUnderPressure: Duration = .milliseconds(10)

    func runSourceLink(_ broker: Int32) async {
        var session = FetchSession(origin: FetchSession.Origin(cluster: source.settings.name))
        var wakes = link(source: broker).wake.makeWaiter()
        while !isDraining {
            endReplicaLeases()
            state.update(&session, of: broker, now: .now())
            let bytes = min(state.fetchableBytes, rateLimit.largestRead)
            guard bytes > 0, !session.isEmpty, link(source: broker).mayAsk(at: .now()) else {
                guard await wakes.next() != nil else { break }
                continue
            }
            do throws(KafkaError) {
                try await fetch(bytes, from: broker, &session)
                succeeded(source: broker)
            } catch {
                guard !isFinished else { break }
                session.broken()
                leaveReplica(broker, error)
                failed(source: broker, error)
            }
        }
        endIfDrained()
    }

    private func fetch(_ bytes: Int, from broker: Int32, _ session: inout FetchSession) async throws(KafkaError) {
        let connection = try await source.connection(to: broker, purpose: .fetch(0))
        let version = try connection.version(of: FetchRequest.self, within: session.versions)
        session.settings.isolationLevel = readCommitted ? .readCommitted : .readUncommitted
        session.settings.maxWait = state.leavesOutFullPartitions(at: broker) ? Self.pollUnderPressure : Self.longestPoll
        session.settings.maxBytes = Int32(clamping: bytes)
        session.settings.rackID = state.readReplicas.mayTellRack(at: .now()) ? source.settings.rackID : nil
        let request = session.request(version: version)
        state.ledger.reserve(bytes)
        defer { state.ledger.release(reservation: bytes) }
        let response = try await connection.send(request, version: version)
        obey(throttleMilliseconds: response.throttleTimeMs, source: broker)
        let arrived = try session.accept(response)
        // An answer that comes after the end would go out just to be cut off.
        guard !hasEnded else { return }
        for fetched in arrived { take(fetched, from: broker) }
        spent(arrived.reduce(0) { $0 + ($1.records?.readableBytes ?? 0) }, source: broker)
    }

    private func take(_ fetched: FetchedPartition, from broker: Int32) {
        guard let index = state.index(ofSource: TopicPartition(fetched.topic, fetched.partition)),
            state.partitions[index].isActive, state.partitions[index].position == fetched.fetchOffset
        else { return }
        guard counts(fetched, index, from: broker) else { return }
        guard fetched.errorCode == .none else {
            refused(fetched, index)
            return
        }
        if let diverging = fetched.divergingEpoch {
            truncated(index, endsAt: diverging.endOffset, epoch: diverging.epoch)
            return
        }
        state.received(fetched, index: index, at: .now())
        reportLeftOut(index)
        stopIfDue(index)
        if state.partitions[index].need != nil { footingWake.ring() }
        if let leader = state.partitions[index].targetLeader { ring(target: leader) }
    }

    private func refused(_ fetched: FetchedPartition, _ index: Int) {
        let partition = state.partitions[index].source
        switch fetched.errorCode {
        case .notLeaderOrFollower, .fencedLeaderEpoch, .unknownLeaderEpoch, .unknownTopicOrPartition,
            .unknownTopicID, .inconsistentTopicID, .leaderNotAvailable, .replicaNotAvailable, .kafkaStorageError,
            .offsetNotAvailable:
            rest(index)
            refreshLeaders()
        case .offsetOutOfRange:
            // Stock brokers leave the bounds of the log out of this answer: they are asked for.
            state.setOutOfRange(index, true)
            rest(index)
            footingWake.ring()
        case .topicAuthorizationFailed:
            stop(
                index, .notAuthorized,
                "the source does not let us read \(partition.topic); grant READ and DESCRIBE on the topic")
        default:
            guard !fetched.errorCode.isRetriable else {
                rest(index)
                return
            }
            stop(index, .refusedBySource, "the source refuses to be read: \(fetched.errorCode)")
        }
    }

    /// Brokers answer an error at once: without a rest the link would ask again and again.
    private func rest(_ index: Int) {
        let until = state.restFetching(index, now: .now())
        eventLoop.scheduleTask(deadline: until) { self.assumeIsolated { $0.restEnded(index) } }
    }

    private func restEnded(_ index: Int) {
        state.endFetchRest(index)
        if let broker = state.sourceBroker(of: index) { ring(source: broker) }
    }

    func stopIfDue(_ index: Int) {
        guard let failure = state.dueFailure(index) else { return }
        stop(index, failure.reason, failure.explanation)
    }

    /// Leaves a partition alone from now on, and says why.
    func stop(_ index: Int, _ reason: FailureReason, _ explanation: String) {
        state.fail(index, reason, explanation)
        let partition = state.partitions[index].source
        logger.error(
            "partition stopped; the others go on",
            metadata: [
                "topic": "\(partition.topic)", "partition": "\(partition.partition)",
                "offset": "\(state.partitions[index].position)", "reason": "\(explanation)",
            ])
    }
}
