import KafkaCompression
package import KafkaWire
import NIOCore

/// Whole batches, one after the other. The first holds the offset that was asked for, and may begin before it.
package struct LogSlice: Sendable {
    package let records: RecordBytes
    /// The offset after the last batch; the asked one if there is none.
    package let nextOffset: Int64

    package var isEmpty: Bool { records.readableBytes == 0 }
}

/// A record found by its time.
package struct OffsetAndTimestamp: Hashable, Sendable {
    package let offset: Int64
    /// Milliseconds since 1970.
    package let timestamp: Int64
    /// -1 if unknown.
    package let leaderEpoch: Int32
}

extension PartitionLog {
    /// Reads batches from the one that holds `offset`.
    ///
    /// - Parameters:
    ///   - maxBytes: what the batches may take together.
    ///   - minOneBatch: whether the first batch is returned even if it alone takes more.
    ///   - upTo: where readers of this kind stop: ``highWatermark`` or ``lastStableOffset``.
    /// - Throws: OFFSET_OUT_OF_RANGE before the start and beyond the end of the log.
    package func read(
        from offset: Int64, maxBytes: Int, minOneBatch: Bool, upTo: Int64
    ) throws(LogReadError) -> LogSlice {
        guard offset >= logStartOffset, offset <= logEndOffset else {
            throw LogReadError(
                .offsetOutOfRange,
                "Received request for offset \(offset) for partition \(name), but we only have log segments from "
                    + "offset \(logStartOffset) up to \(logEndOffset).")
        }
        return try reading { () throws(LogError) in
            try readSegments(from: offset, maxBytes: maxBytes, minOneBatch: minOneBatch, upTo: min(upTo, logEndOffset))
        }
    }

    private func readSegments(
        from offset: Int64, maxBytes: Int, minOneBatch: Bool, upTo limit: Int64
    ) throws(LogError) -> LogSlice {
        var slices: [ByteBuffer] = []
        var nextOffset = offset
        var room = max(maxBytes, 0)
        var next = segmentIndex(of: offset) ?? segments.count
        while nextOffset < limit, next < segments.count {
            let segment = segments[next]
            next += 1
            guard let first = try segment.batch(reaching: nextOffset), first.header.baseOffset < limit else { continue }
            let isFirst = slices.isEmpty
            let allowed = isFirst && minOneBatch ? max(room, first.header.sizeInBytes) : room
            let end = try position(of: limit, in: segment)
            let boundary =
                end - first.position <= allowed
                ? end : try segment.boundary(atOrBefore: first.position + allowed, from: first.position)
            guard boundary > first.position else { break }
            slices += try segment.data.read(first.position..<boundary)
            room -= boundary - first.position
            nextOffset = try firstOffset(at: boundary, of: segment, followedBy: next)
            if boundary < end { break }
        }
        return LogSlice(records: RecordBytes(slices: slices), nextOffset: nextOffset)
    }

    /// The position in a segment where the batches before `limit` end.
    private func position(of limit: Int64, in segment: LogSegment) throws(LogError) -> Int {
        if limit >= logEndOffset { return segment.size }
        return try segment.batch(reaching: limit)?.position ?? segment.size
    }

    /// The offset that follows the batches before a position.
    private func firstOffset(
        at position: Int, of segment: LogSegment, followedBy next: Int
    ) throws(LogError) -> Int64 {
        if position < segment.size {
            var walker = BatchWalker(segment.data, from: position, blockSize: RecordBatchHeader.length)
            if let (header, _) = try walker.next() { return header.baseOffset }
        }
        return next < segments.count ? segments[next].baseOffset : logEndOffset
    }

    func reading<Value>(_ body: () throws(LogError) -> Value) throws(LogReadError) -> Value {
        do throws(LogError) {
            return try guarded(body)
        } catch {
            throw LogReadError(error)
        }
    }
}

// By time

extension PartitionLog {
    /// The first record at least as new as `timestamp`; nil if there is none (ListOffsets by time).
    package func offset(forTimestamp timestamp: Int64) throws(LogReadError) -> OffsetAndTimestamp? {
        try reading { () throws(LogError) in
            for segment in segments where segment.largestTimestamp >= timestamp {
                var walker = try segment.batches(notOlderThan: timestamp, from: logStartOffset)
                while let (header, position) = try walker.next() {
                    guard header.maxTimestamp >= timestamp, header.lastOffset >= logStartOffset else { continue }
                    let batch = try segment.read(header, at: position)
                    let start = logStartOffset
                    if let found = firstRecord(of: batch, where: { $0.timestamp >= timestamp && $0.offset >= start }) {
                        return found
                    }
                }
            }
            return nil
        }
    }

    /// The first of the newest records (ListOffsets with -3); nil if no record has a time.
    package func maxTimestampOffset() throws(LogReadError) -> OffsetAndTimestamp? {
        try reading { () throws(LogError) in
            var newest = segments[0]
            for segment in segments where segment.newest.timestamp > newest.newest.timestamp { newest = segment }
            let timestamp = newest.newest.timestamp
            guard timestamp >= 0, let found = try newest.batch(reaching: newest.newest.lastOffset) else { return nil }
            return firstRecord(of: try newest.read(found.header, at: found.position)) { $0.timestamp == timestamp }
        }
    }

    private func firstRecord(of batch: RecordBatch, where matches: (RawRecord) -> Bool) -> OffsetAndTimestamp? {
        guard var reader = try? batch.records() else { return nil }
        while let record = try? reader.nextRaw() {
            guard matches(record) else { continue }
            return OffsetAndTimestamp(
                offset: record.offset, timestamp: record.timestamp, leaderEpoch: batch.header.partitionLeaderEpoch)
        }
        return nil
    }
}
