import KafkaWire
import NIOCore

/// The log of one partition (Kafka's `UnifiedLog`): appends with all of a stock broker's checks, reads, look-ups by
/// time and epoch, retention, and recovery after a crash.
///
/// It is not `Sendable` and takes no locks: create it and call it on one executor, that of the actor or event loop that
/// owns the partition (one actor per partition or one per node, both work). Every call is synchronous. In memory none
/// of them waits; on disk they wait for the system's page cache and, in `flush()`, for the disk.
///
/// After an error that leaves the files in doubt the log refuses everything until it is opened again, which checks it.
package final class PartitionLog {
    package let topic: String
    package let partition: Int32
    /// Replaced as a whole when the topic's configuration changes.
    package var config: LogConfig

    /// Ascending, never empty; the last one takes the appends.
    var segments: [LogSegment]
    let place: LogPlace?
    var epochs = LeaderEpochHistory()
    var producerTable = ProducerTable()
    /// Everything before it is on the disk for good.
    var recoveryPoint: Int64 = 0
    var unflushedRecords: Int64 = 0
    /// Everything before it was cleaned at least once.
    package internal(set) var firstDirtyOffset: Int64 = 0
    /// Milliseconds since 1970; for `flush.ms`.
    var lastFlush: Int64
    /// True if the checkpoint on disk says that the log was closed in order.
    var isMarkedClean = false
    /// True if files came into being since the last flush.
    var hasNewFiles = false
    private(set) var failure: LogError?
    /// Findings of the opening: bytes that do not hold, and took out of the log.
    package internal(set) var findings: [RecoveryFinding] = []

    /// The offset of the first record that can be read.
    package internal(set) var logStartOffset: Int64 = 0
    /// The offset that the next record gets (LEO).
    package internal(set) var logEndOffset: Int64 = 0
    /// Up to where consumers read: with a single copy of the log, its end.
    package internal(set) var highWatermark: Int64 = 0

    /// Opens the log, creating it if there is none, and recovers it if it was not closed in order.
    /// - Parameter now: the broker's clock, in milliseconds since 1970.
    package init(
        topic: String, partition: Int32, config: LogConfig, storage: LogStorage, now: Int64
    ) throws(LogError) {
        self.topic = topic
        self.partition = partition
        self.config = config
        lastFlush = now
        switch storage {
        case .memory:
            place = nil
            segments = [LogSegment(baseOffset: 0, data: MemorySegmentData(now: now), files: nil, now: now)]
        case .directory(let root, let faults):
            let place = LogPlace(root: root, name: "\(topic)-\(partition)", faults: faults)
            self.place = place
            segments = []
            try open(place, now: now)
        }
    }

    /// A log that cannot be opened: it refuses everything with the reason, and leaves the files as they are.
    init(topic: String, partition: Int32, config: LogConfig, offline failure: LogError) {
        self.topic = topic
        self.partition = partition
        self.config = config
        self.failure = failure
        lastFlush = 0
        place = nil
        segments = [LogSegment(baseOffset: 0, data: MemorySegmentData(now: 0), files: nil, now: 0)]
    }

    package var name: String { "\(topic)-\(partition)" }

    /// Up to where everything is decided: readers of committed records stop there.
    package var lastStableOffset: Int64 {
        min(max(producerTable.firstUnstableOffset ?? highWatermark, logStartOffset), highWatermark)
    }

    /// Bytes in all segments.
    package var size: Int { segments.reduce(0) { $0 + $1.size } }

    package var segmentCount: Int { segments.count }

    package var latestEpoch: Int32? { epochs.latestEpoch }

    /// The reason why the log refuses everything; nil while it works.
    package var offlineReason: LogError? { failure }

    var activeSegment: LogSegment { segments[segments.count - 1] }
}

// Failure

extension PartitionLog {
    /// Every access to the storage goes through here: refused once the log is in doubt, and put in doubt by errors
    /// that say so.
    func guarded<Value>(_ body: () throws(LogError) -> Value) throws(LogError) -> Value {
        if let failure { throw failure }
        do throws(LogError) {
            return try body()
        } catch {
            if error.leavesDoubt { failure = error }
            throw error
        }
    }
}

/// The directory of one partition.
struct LogPlace {
    /// The broker's directory, which holds those of all partitions.
    let root: String
    let directory: String
    let faults: DiskFaults?

    init(root: String, name: String, faults: DiskFaults?) {
        self.root = root
        directory = "\(root)/\(name)"
        self.faults = faults
    }

    func files(_ baseOffset: Int64) -> SegmentFiles {
        SegmentFiles(directory: directory, baseOffset: baseOffset)
    }
}

// Segments

extension PartitionLog {
    func makeSegment(at baseOffset: Int64, now: Int64) throws(LogError) -> LogSegment {
        guard let place else {
            return LogSegment(baseOffset: baseOffset, data: MemorySegmentData(now: now), files: nil, now: now)
        }
        hasNewFiles = true
        let files = place.files(baseOffset)
        let data = try FileSegmentData(path: files.log, creating: true, now: now, faults: place.faults)
        return LogSegment(baseOffset: baseOffset, data: data, files: files, now: now)
    }

    /// Ends the active segment and begins one at the log's end.
    func roll(now: Int64) throws(LogError) {
        let old = activeSegment
        guard old.baseOffset < logEndOffset else { return }
        let new = try makeSegment(at: logEndOffset, now: now)
        do throws(LogError) {
            try old.close(faults: place?.faults)
            try saveProducers()
        } catch {
            try? new.delete()
            throw error
        }
        segments.append(new)
    }

    /// The index of the segment whose offsets begin at or before `offset`; nil if all begin after it.
    func segmentIndex(of offset: Int64) -> Int? {
        let next = segments.firstIndex(sortedBy: { $0.baseOffset > offset })
        return next == 0 ? nil : next - 1
    }

    func removeFirstSegments(_ count: Int) throws(LogError) {
        for _ in 0..<count { try segments.removeFirst().delete() }
    }
}

// Queries

extension PartitionLog {
    package func producers() -> [ProducerSnapshot] {
        producerTable.states.values.map(ProducerSnapshot.init).sorted { $0.producerID < $1.producerID }
    }

    /// Returns true if a transaction of this producer and epoch is open here, so that its next batch needs no
    /// verification by the coordinator (KIP-890).
    package func hasOpenTransaction(producerID: Int64, epoch: Int16) -> Bool {
        let state = producerTable.state(of: producerID)
        return state.transactionFirstOffset != nil && state.epoch == epoch
    }

    /// Forgets producers that `producer.id.expiration.ms` has passed for. Kafka looks every ten minutes.
    package func expireProducers(now: Int64) {
        producerTable.expire(now: now, after: config.producerIDExpirationMs)
    }

    /// A new leader begins its epoch at the log's end, before its first record (Kafka's `Partition.makeLeader`).
    package func beginLeaderEpoch(_ epoch: Int32) {
        if epochs.assign(epoch, at: logEndOffset) { saveEpochs() }
    }

    /// The largest epoch up to the asked one that the log knows, and where it ends (OffsetForLeaderEpoch);
    /// both -1 if the history does not reach there.
    package func endOffset(forLeaderEpoch epoch: Int32) -> (epoch: Int32, endOffset: Int64) {
        epochs.endOffset(for: epoch, logEndOffset: logEndOffset) ?? (-1, -1)
    }

    /// The leader epoch that a record was written in; -1 if unknown.
    package func leaderEpoch(of offset: Int64) -> Int32 {
        epochs.epoch(of: offset) ?? -1
    }

    /// The aborted transactions with records in a range, for a fetch of committed records.
    package func abortedTransactions(in range: Range<Int64>) -> [AbortedTransaction] {
        var found: [AbortedTransaction] = []
        let start = max(range.lowerBound, segments[0].baseOffset)
        guard !range.isEmpty, let first = segmentIndex(of: start) else { return [] }
        for segment in segments[first...] where segment.aborted.collect(in: range, into: &found) { break }
        return found
    }
}
