internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// The task that fetches in one lane of a source broker.
extension Shard {
    /// Time that an idle fetch stays at the broker.
    private static let longestPoll: Duration = .milliseconds(500)
    /// The same while full partitions may have room again at any moment.
    private static let pollUnderPressure: Duration = .milliseconds(10)
    /// The same where backlogs are read: a partition that comes to have one waits for the next request.
    private static let pollOfBacklogs: Duration = .milliseconds(20)

    func runSourceFetcher(_ lane: FetchLane) async {
        let broker = lane.broker
        var session = FetchSession(origin: FetchSession.Origin(cluster: source.settings.name))
        var signals = link(lane).signal.makeWaiter()
        var roundTrip = TimeAmount.zero
        while !isDraining {
            scheduler.endReplicaLeases(at: .now())
            perform()
            scheduler.update(&session, of: lane)
            let bytes = min(scheduler.fetchableBytes(in: lane), rateLimit.largestRead(roundTrip: roundTrip))
            let now = NIODeadline.now()
            guard bytes > 0, !session.isEmpty, link(source: broker).mayAsk(at: now), link(lane).idleUntil <= now,
                mayRead(from: broker)
            else {
                guard await signals.next() != nil else { break }
                continue
            }
            let round = link(source: broker).round
            do throws(KafkaError) {
                roundTrip = try await fetch(bytes, in: lane, &session)
                succeeded(source: broker, in: round)
            } catch {
                guard !isFinished else { break }
                session.broken()
                leaveReplica(broker, error)
                failed(source: broker, error, in: round)
            }
        }
        endIfDrained()
    }

    private func longestWait(in lane: FetchLane) -> Duration {
        if scheduler.leavesOutFullPartitions(in: lane) { return Self.pollUnderPressure }
        return lane.isForTails ? Self.longestPoll : Self.pollOfBacklogs
    }

    /// - Returns: the time to the broker and back.
    private func fetch(
        _ bytes: Int, in lane: FetchLane, _ session: inout FetchSession
    ) async throws(KafkaError) -> TimeAmount {
        let broker = lane.broker
        let connection = try await source.connection(to: broker, purpose: .fetch(lane.number))
        let version = try connection.version(of: FetchRequest.self, within: session.versions)
        session.settings.isolationLevel = .readCommitted
        session.settings.maxWait = longestWait(in: lane)
        session.settings.maxBytes = Int32(clamping: max(bytes, scheduler.largestWish(in: lane)))
        session.settings.rackID = scheduler.readReplicas.mayTellRack(at: .now()) ? source.settings.rackID : nil
        let request = session.request(version: version)
        let began = NIODeadline.now()
        scheduler.budget.reserve(bytes, forTails: lane.isForTails)
        rateLimit.spend(bytes)
        asked(source: broker)
        defer { completed(source: broker) }
        let response: FetchResponse
        do throws(KafkaError) {
            response = try await connection.fetch(request, version: version)
        } catch {
            scheduler.budget.release(reservation: bytes, forTails: lane.isForTails)
            rateLimit.spend(-bytes)
            throw error
        }
        scheduler.budget.release(reservation: bytes, forTails: lane.isForTails)
        obey(throttleMilliseconds: response.throttleTimeMs, source: broker)
        // All records of the answer were read, even if none is wanted any more.
        rateLimit.spend(response.recordBytes - bytes)
        let arrived = try session.accept(response)
        let roundTrip = TimeAmount(connection.roundTrip)
        // An answer that comes after the end would only be thrown away.
        guard !hasEnded else { return roundTrip }
        let now = NIODeadline.now()
        let total = arrived.reduce(0) { $0 + ($1.records?.readableBytes ?? 0) }
        scheduler.answered(lane, bytes: total, roundTrip: roundTrip, at: now)
        if session.silenceTells { scheduler.answeredInSession(lane, at: now) }
        // Bytes that have arrived are in memory, whatever becomes of them.
        scheduler.budget.reserve(total)
        for fetched in arrived {
            scheduler.budget.release(reservation: fetched.records?.readableBytes ?? 0)
            guard let index = scheduler.index(ofSource: fetched.topicPartition) else { continue }
            scheduler.fetched(fetched, of: index, in: lane, roundTrip: roundTrip, at: now)
        }
        perform()
        let mostWait = TimeAmount(session.settings.maxWait)
        pauseIfIdle(lane, arrived, waited: (now - began).nanoseconds > mostWait.nanoseconds / 2)
        return roundTrip
    }

    /// A broker that has nothing lets a fetch wait. One that answers at once all the same is asked less and less often,
    /// up to the time that it should have waited.
    private func pauseIfIdle(_ lane: FetchLane, _ arrived: [FetchedPartition], waited: Bool) {
        let isEmpty = arrived.allSatisfy { partition in
            partition.records == nil && partition.errorCode == .none && partition.divergingEpoch == nil
                && partition.preferredReadReplica == nil
        }
        guard isEmpty, !waited else { return endIdle(lane) }
        answeredIdly(lane, longest: TimeAmount(Self.longestPoll))
    }

    /// A broker could not be used: partitions that are read there as from a replica are read from their leaders again.
    /// A fetch session that the broker has forgotten says nothing about its logs.
    private func leaveReplica(_ broker: Int32, _ error: KafkaError) {
        guard !error.isSessionLoss else { return }
        scheduler.replicaFailed(broker, at: .now())
        perform()
    }
}

extension FetchResponse {
    fileprivate var recordBytes: Int {
        responses.reduce(0) { $0 + $1.partitions.reduce(0) { $0 + ($1.records?.readableBytes ?? 0) } }
    }
}
