internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// The task that fetches from one source broker.
extension Shard {
    /// Time that an idle fetch stays at the broker.
    private static let longestPoll: Duration = .milliseconds(500)
    /// The same while full partitions may have room again at any moment.
    private static let pollUnderPressure: Duration = .milliseconds(10)

    func runSourceFetcher(_ broker: Int32) async {
        var session = FetchSession(origin: FetchSession.Origin(cluster: source.settings.name))
        var signals = link(source: broker).signal.makeWaiter()
        while !isDraining {
            scheduler.endReplicaLeases(at: .now())
            perform()
            scheduler.update(&session, of: broker)
            let bytes = min(scheduler.fetchableBytes, rateLimit.largestRead)
            guard bytes > 0, !session.isEmpty, link(source: broker).mayAsk(at: .now()) else {
                guard await signals.next() != nil else { break }
                continue
            }
            let round = link(source: broker).round
            do throws(KafkaError) {
                try await fetch(bytes, from: broker, &session)
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

    private func fetch(_ bytes: Int, from broker: Int32, _ session: inout FetchSession) async throws(KafkaError) {
        let connection = try await source.connection(to: broker, purpose: .fetch(0))
        let version = try connection.version(of: FetchRequest.self, within: session.versions)
        session.settings.isolationLevel = .readCommitted
        session.settings.maxWait =
            scheduler.leavesOutFullPartitions(at: broker) ? Self.pollUnderPressure : Self.longestPoll
        session.settings.maxBytes = Int32(clamping: max(bytes, scheduler.largestWish(at: broker)))
        session.settings.rackID = scheduler.readReplicas.mayTellRack(at: .now()) ? source.settings.rackID : nil
        let request = session.request(version: version)
        let began = NIODeadline.now()
        scheduler.budget.reserve(bytes)
        asked(source: broker)
        defer { completed(source: broker) }
        let response: FetchResponse
        do throws(KafkaError) {
            response = try await connection.send(request, version: version)
        } catch {
            scheduler.budget.release(reservation: bytes)
            throw error
        }
        scheduler.budget.release(reservation: bytes)
        obey(throttleMilliseconds: response.throttleTimeMs, source: broker)
        let arrived = try session.accept(response)
        // An answer that comes after the end would only be thrown away.
        guard !hasEnded else { return }
        let now = NIODeadline.now()
        // What has arrived is in memory, whatever becomes of it.
        scheduler.budget.reserve(arrived.reduce(0) { $0 + ($1.records?.readableBytes ?? 0) })
        for fetched in arrived {
            scheduler.budget.release(reservation: fetched.records?.readableBytes ?? 0)
            guard let index = scheduler.index(ofSource: fetched.topicPartition) else { continue }
            scheduler.fetched(fetched, of: index, from: broker, at: now)
        }
        perform()
        let mostWait = TimeAmount(session.settings.maxWait)
        pauseIfIdle(broker, arrived, waited: (now - began).nanoseconds > mostWait.nanoseconds / 2)
        spent(arrived.reduce(0) { $0 + ($1.records?.readableBytes ?? 0) }, source: broker)
    }

    /// A broker that has nothing lets a fetch wait. One that answers at once all the same is asked less and less often,
    /// up to the time that it should have waited.
    private func pauseIfIdle(_ broker: Int32, _ arrived: [FetchedPartition], waited: Bool) {
        let isEmpty = arrived.allSatisfy { partition in
            partition.records == nil && partition.errorCode == .none && partition.divergingEpoch == nil
                && partition.preferredReadReplica == nil
        }
        guard isEmpty, !waited, let pause = idlePause(source: broker) else {
            return endIdle(source: broker)
        }
        hold(source: broker, for: min(pause, TimeAmount(Self.longestPoll)), \.idleUntil)
    }

    /// A broker could not be used: partitions that are read there as from a replica are read from their leaders again.
    /// A fetch session that the broker has forgotten says nothing about its logs.
    private func leaveReplica(_ broker: Int32, _ error: KafkaError) {
        guard !error.isSessionLoss else { return }
        scheduler.replicaFailed(broker, at: .now())
        perform()
    }
}
