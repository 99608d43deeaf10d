import KafkaWire
import NIOCore

// Fetch: 0-18.
//
// - Long poll: answers when `minBytes` are there, at an error, or after `maxWaitMs`.
// - `maxBytes` and `partitionMaxBytes` cut after whole batches, but the first batch found is always returned (from
//   version 3; earlier versions also get it whole rather than cut).
// - Sessions from version 7 (KIP-227), leader epochs from 9 (KIP-320), followers serve consumers from 11 (KIP-392),
//   diverging epochs from 12 (KIP-595), topic ids from 13 (KIP-516), leader hints from 12 and their addresses from 16
//   (KIP-951).
// - Isolation: read_committed stops at the last stable offset and lists aborted transactions.
// - Versions 0-3 get message formats 0 and 1. Batches in zstd go out from version 10 on: before, the partition is
//   UNSUPPORTED_COMPRESSION_TYPE.
// - With `replica.selector.class` the leader sends consumers that tell their rack (version 11) to a follower there: see
//   ReplicaSelector.swift. Such an answer has no records for the partition and does not wait.
// - Left out: followers' own fetches (nodes share their storage), tiered storage.

extension FetchRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> FetchResponse {
        var response = FetchResponse()
        response.errorCode = error
        response.responses = topics.map { topic in
            var entry = FetchResponse.FetchableTopicResponse()
            entry.topic = topic.topic
            entry.topicID = topic.topicID
            entry.partitions = topic.partitions.map { .refused($0.partition, error) }
            return entry
        }
        return response
    }
}

extension FetchResponse.PartitionData {
    static func refused(_ partition: Int32, _ error: ErrorCode) -> FetchResponse.PartitionData {
        var data = FetchResponse.PartitionData()
        data.partitionIndex = partition
        data.errorCode = error
        data.highWatermark = -1
        data.records = RecordBytes(ByteBuffer())
        return data
    }
}

extension Cluster {
    func fetch(_ request: FetchRequest, _ call: Call<FetchResponse>) {
        do throws(FetchSessionRefusal) {
            let (mode, targets) = try call.node.fetchSessions.admit(
                request, usesTopicIDs: call.version >= 13, now: clock.steadyTime())
            FetchOperation(self, request, mode, targets, call).start()
        } catch {
            var response = FetchResponse()
            response.errorCode = error.code
            call.reply(response)
        }
    }
}

/// One fetch from its arrival to its answer; between the two it may wait for partitions to grow.
private final class FetchOperation: PartitionWaiter {
    private let cluster: Cluster
    private let request: FetchRequest
    private let mode: FetchMode
    private let targets: [FetchTarget]
    private let call: Call<FetchResponse>
    private let caller: Caller
    private let maxBytes: Int
    private let minBytes: Int
    /// The bytes that can have come since the last read.
    private var expectedBytes = 0
    private var watched: [Partition] = []
    private var timer: Scheduled<Void>?

    init(
        _ cluster: Cluster, _ request: FetchRequest, _ mode: FetchMode, _ targets: [FetchTarget],
        _ call: Call<FetchResponse>
    ) {
        self.cluster = cluster
        self.request = request
        self.mode = mode
        self.targets = targets
        self.call = call
        caller = call.context.caller
        maxBytes = min(
            max(Int(request.maxBytes), 0), cluster.configs.number("fetch.max.bytes"), call.context.largestFetch)
        minBytes = min(Int(request.minBytes), maxBytes)
    }

    func start() {
        let found = read()
        guard !found.isDue(minBytes), request.maxWaitMs > 0, !targets.isEmpty else { return answer(found) }
        expectedBytes = found.bytes
        for target in targets {
            if let partition = cluster.partition(of: target.key) {
                partition.addWaiter(self)
                watched.append(partition)
            }
        }
        call.onAbandon = { [self] in stopWaiting() }
        timer = cluster.loop.scheduleTask(in: .milliseconds(Int64(request.maxWaitMs))) { [self] in
            stopWaiting()
            answer(read())
        }
    }

    func partitionGrew(by bytes: Int) {
        expectedBytes += bytes
        if expectedBytes >= minBytes { readAgain() }
    }

    func partitionChanged() {
        readAgain()
    }

    private func readAgain() {
        let found = read()
        guard found.isDue(minBytes) else {
            expectedBytes = found.bytes
            return
        }
        stopWaiting()
        answer(found)
    }

    private func stopWaiting() {
        timer?.cancel()
        timer = nil
        for partition in watched { partition.removeWaiter(self) }
        watched.removeAll()
    }
}

extension FetchOperation {
    private struct Found {
        var parts: [(FetchKey, FetchResponse.PartitionData)] = []
        var bytes = 0
        /// An error, a diverging log or another replica to read from must not wait.
        var isUrgent = false

        /// Bytes that there was room for: less than was asked for while memory is short.
        var limit: Int

        func isDue(_ minBytes: Int) -> Bool { isUrgent || bytes >= min(minBytes, limit) }
    }

    /// Reads every partition, within the limits.
    private func read() -> Found {
        var found = Found(limit: min(maxBytes, cluster.answerMemory.available))
        found.parts.reserveCapacity(targets.count)
        let budget = WorkBudget()
        for target in targets {
            let room = max(min(found.limit - found.bytes, Int(target.request.partitionMaxBytes)), 0)
            let data = read(target, maxBytes: room, mayExceed: found.bytes == 0, budget)
            found.bytes += data.records?.readableBytes ?? 0
            if data.errorCode != .none || data.divergingEpoch.endOffset >= 0 || data.preferredReadReplica >= 0 {
                found.isUrgent = true
            }
            found.parts.append((target.key, data))
        }
        return found
    }

    private func read(
        _ target: FetchTarget, maxBytes: Int, mayExceed: Bool, _ budget: WorkBudget
    ) -> FetchResponse.PartitionData {
        let wanted = target.request
        if caller.isRestricted, let name = cluster.name(of: target.key.topic, target.key.topicID),
            !caller.may(.read, .topic, name)
        {
            return .refused(wanted.partition, .topicAuthorizationFailed)
        }
        guard let partition = cluster.partition(of: target.key) else {
            let isUnknownID = cluster.name(of: target.key.topic, target.key.topicID) == nil
            return .refused(wanted.partition, isUnknownID ? .unknownTopicID : .unknownTopicOrPartition)
        }
        if let error = partition.refusal(
            at: call.node, epoch: wanted.currentLeaderEpoch, isFollowerEnough: call.version >= 11)
        {
            var data = FetchResponse.PartitionData.refused(wanted.partition, error)
            data.currentLeader.leaderID = partition.leader
            data.currentLeader.leaderEpoch = partition.leaderEpoch
            return data
        }
        let isCommittedOnly = request.isolationLevel == 1
        if let replica = cluster.preferredReadReplica(
            of: partition, at: call.node, for: request, offset: wanted.fetchOffset)
        {
            return partition.redirected(to: replica, isCommittedOnly: isCommittedOnly)
        }
        return partition.read(
            wanted, isCommittedOnly: isCommittedOnly, maxBytes: maxBytes, mayExceed: mayExceed,
            version: call.version, budget: budget)
    }

    /// The answer to a client that is over its quota: no records yet. Its session stays as it is, a session that was to
    /// begin does not.
    private func answerThrottled(_ wait: Int64) {
        var response = FetchResponse()
        switch mode {
        case .session(let id, isFull: false): response.sessionID = id
        case .session(let id, isFull: true): call.node.fetchSessions[id] = nil
        case .sessionless: break
        }
        call.reply(response.throttled(by: wait))
    }

    private func answer(_ found: Found) {
        let wait = call.context.countFetched(found.bytes)
        guard wait == 0 else { return answerThrottled(wait) }
        var response = FetchResponse()
        switch mode {
        case .sessionless: response.responses = grouped(found.parts)
        case .session(let id, let isFull):
            response.sessionID = id
            guard var session = call.node.fetchSessions[id] else {
                response.responses = grouped(found.parts)
                break
            }
            var told: [(FetchKey, FetchResponse.PartitionData)] = []
            for (key, data) in found.parts where session.mustTell(key, data) || isFull { told.append((key, data)) }
            if let last = told.last(where: { $0.1.records?.readableBytes ?? 0 > 0 }) {
                session.moveStart(behind: last.0)
            }
            call.node.fetchSessions[id] = session
            response.responses = grouped(told)
        }
        if call.version >= 16 { response.nodeEndpoints = endpoints(found.parts) }
        call.reply(response)
    }

    /// Partitions of one topic that follow one another go into one entry.
    private func grouped(
        _ parts: [(FetchKey, FetchResponse.PartitionData)]
    ) -> [FetchResponse.FetchableTopicResponse] {
        var topics: [FetchResponse.FetchableTopicResponse] = []
        for (key, data) in parts {
            if let last = topics.last, last.topic == key.topic, last.topicID == key.topicID {
                topics[topics.count - 1].partitions.append(data)
            } else {
                var topic = FetchResponse.FetchableTopicResponse()
                topic.topic = key.topic
                topic.topicID = key.topicID
                topic.partitions = [data]
                topics.append(topic)
            }
        }
        return topics
    }

    private func endpoints(_ parts: [(FetchKey, FetchResponse.PartitionData)]) -> [FetchResponse.NodeEndpoint] {
        let leaders = Set(parts.map(\.1.currentLeader.leaderID).filter { $0 >= 0 })
        return leaders.sorted().compactMap(cluster.node).map { node in
            var endpoint = FetchResponse.NodeEndpoint()
            endpoint.nodeID = node.id
            endpoint.host = cluster.advertisedHost(of: node, call.context)
            endpoint.port = cluster.advertisedPort(of: node, call.context)
            endpoint.rack = node.rack
            return endpoint
        }
    }
}

extension Cluster {
    fileprivate func partition(of key: FetchKey) -> Partition? {
        topic(named: key.topic, orID: key.topicID)?.partition(key.partition)
    }
}
