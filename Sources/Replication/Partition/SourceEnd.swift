internal import KafkaClient
package import NIOCore

/// The age of what is known of a source log's end, and what is in the way of knowing it. The end itself is the
/// partition's high watermark.
package struct SourceEnd: Sendable {
    /// Time of the source's last report of the log's end, or that nothing is new; nil before the first.
    private(set) var heardAt: NIODeadline?
    /// Time of its last report that named the end.
    private(set) var saidAt: NIODeadline?
    /// The source's last word when it did not tell the end; nil since it did.
    private(set) var failure: String?
    /// The last stable offset by the last fetch; -1 when it did not tell.
    private(set) var lastStableOffset: Int64 = -1
    /// True if that fetch has told of records behind it.
    private(set) var isHeldBack = false
    /// Time at which the source was first asked for an end beyond what has been read, with nothing read since; nil when
    /// nothing is missing.
    private(set) var unreadSince: NIODeadline?
    /// The transaction that holds back what follows, where the source's leader has told it.
    private(set) var openTransaction: OpenTransaction?

    /// The longest that an end counts without having been heard again: lag by an older one is not known.
    package static let lifetime: TimeAmount = .seconds(5)
    /// The age at which an end is asked for.
    static let askedAfter: TimeAmount = .seconds(1)
    /// The longest that silence in a fetch session counts as news: a broker could have lost sight of the partition.
    package static let silenceLifetime: TimeAmount = .seconds(15)

    mutating func heard(at now: NIODeadline) {
        heardAt = now
        saidAt = now
        failure = nil
    }

    /// An answer has left the partition out, which has nothing new by that.
    mutating func heardNothing(at answered: NIODeadline, now: NIODeadline) {
        guard let heardAt, let saidAt, failure == nil, now - saidAt < Self.silenceLifetime else { return }
        self.heardAt = max(heardAt, answered)
    }

    /// Something was read.
    mutating func read() {
        unreadSince = nil
    }

    /// There is something to read, or nothing, by an end that was asked for.
    mutating func asked(isUnread: Bool, at now: NIODeadline) {
        unreadSince = isUnread ? unreadSince ?? now : nil
    }

    /// - Parameter end: of the log, by the same answer: one that was heard otherwise may be of another moment.
    mutating func fetched(lastStableOffset: Int64, end: Int64) {
        isHeldBack = lastStableOffset >= 0 && end > lastStableOffset
        if lastStableOffset != self.lastStableOffset { openTransaction = nil }
        self.lastStableOffset = lastStableOffset
    }

    mutating func refused(_ reason: String) {
        failure = reason
    }

    mutating func found(_ transaction: OpenTransaction) {
        openTransaction = transaction
    }

    func isDue(at now: NIODeadline) -> Bool {
        guard let heardAt else { return true }
        return now - heardAt >= Self.askedAfter
    }

    /// Time since the end was heard; nil before.
    func age(at now: NIODeadline) -> TimeAmount? {
        heardAt.map { now - $0 }
    }
}

/// A transaction that is neither committed nor aborted, so that nothing behind its first record can be read.
package struct OpenTransaction: Hashable, Sendable {
    package var producerID: Int64
    package var epoch: Int32
    package var startOffset: Int64
    /// Timestamp of the producer's last record, in milliseconds since 1970.
    package var lastTimestamp: Int64

    package init(producerID: Int64, epoch: Int32, startOffset: Int64, lastTimestamp: Int64) {
        self.producerID = producerID
        self.epoch = epoch
        self.startOffset = startOffset
        self.lastTimestamp = lastTimestamp
    }
}

/// Source offsets of a partition that have not passed yet, or the reason why nobody knows how many.
package enum PartitionLag: Hashable, Sendable {
    case known(Int64)
    case unknown(String)

    package var offsets: Int64? { if case .known(let offsets) = self { offsets } else { nil } }
}

// Those that are asked of every partition every second are inlined: as calls they would be passed a copy of it.
extension PartitionReplicator {
    /// The lag of the moment. An end that has not been heard of for a while says nothing any more, nor does one of
    /// another log than the one that was read.
    @inline(__always)
    package func lag(at now: NIODeadline) -> PartitionLag {
        if case .failed(let failure, _) = phase, failure.reason == .recreated || failure.reason == .truncated {
            return .unknown("what was copied is not what the source has now")
        }
        guard highWatermark >= 0, let age = sourceEnd.age(at: now) else {
            return .unknown(sourceEnd.failure ?? "the source has not been asked yet")
        }
        guard age < SourceEnd.lifetime else {
            return .unknown(
                sourceEnd.failure
                    ?? "the source has not reported its end offset for \(age.nanoseconds / 1_000_000_000) s")
        }
        guard highWatermark >= completedOffset else {
            return .unknown("the source's log ends at offset \(highWatermark), before what was copied")
        }
        return .known(highWatermark - completedOffset)
    }

    /// Tells whether the source should be asked where its log ends: a fetch has not told for a while.
    @inline(__always)
    package func needsSourceEnd(at now: NIODeadline) -> Bool {
        isSelected && sourceEnd.isDue(at: now)
    }

    /// An answer within a fetch session has left it out. That tells nothing while there is something to read: then it
    /// should have been in.
    @inline(__always)
    package mutating func heardNothing(at answered: NIODeadline, now: NIODeadline) {
        if highWatermark == cursor.position { sourceEnd.heardNothing(at: answered, now: now) }
    }

    /// The source has said where its log ends.
    ///
    /// - Parameter askedAt: what was heard since then is newer.
    package mutating func foundSourceEnd(_ offset: Int64, askedAt: NIODeadline, at now: NIODeadline) {
        if let saidAt = sourceEnd.saidAt, saidAt > askedAt { return }
        guard offset >= 0 else {
            return sourceEnd.refused("the source's log ends at offset \(offset), which cannot be")
        }
        highWatermark = offset
        sourceEnd.heard(at: now)
        sourceEnd.asked(isUnread: offset > cursor.position, at: now)
    }

    /// The source did not say where its log ends.
    package mutating func sourceEndRefused(_ reason: String) {
        sourceEnd.refused(reason)
    }

    /// Everything that is committed has been read, and more is there.
    package var isBehindTransaction: Bool {
        isActive && sourceEnd.isHeldBack && cursor.position >= sourceEnd.lastStableOffset
    }

    package mutating func foundOpenTransaction(_ transaction: OpenTransaction) {
        sourceEnd.found(transaction)
    }
}
