import NIOCore

/// The header fields that a copy of a batch gets on its way to another cluster; its records stay as they are.
///
/// The delete-horizon bit is always cleared: the target's cleaner would take `baseTimestamp` for a time at which
/// tombstones may go. What is not named here (codec, timestamps, counts) is kept.
public struct BatchHeaderPatch: Hashable, Sendable {
    /// Brokers accept nothing but 0 from producers.
    public var baseOffset: Int64 = 0
    public var partitionLeaderEpoch: Int32 = -1
    public var producerID: Int64 = -1
    public var producerEpoch: Int16 = -1
    public var baseSequence: Int32 = -1
    public var isTransactional = false

    public init(
        baseOffset: Int64 = 0, partitionLeaderEpoch: Int32 = -1, producerID: Int64 = -1, producerEpoch: Int16 = -1,
        baseSequence: Int32 = -1, isTransactional: Bool = false
    ) {
        self.baseOffset = baseOffset
        self.partitionLeaderEpoch = partitionLeaderEpoch
        self.producerID = producerID
        self.producerEpoch = producerEpoch
        self.baseSequence = baseSequence
        self.isTransactional = isTransactional
    }

    /// `batch` with the new header in front of its untouched payload.
    ///
    /// The checksum is shifted, never recomputed: a payload corrupted at the source keeps a checksum that does not fit,
    /// and the target refuses it.
    public func apply(to batch: RecordBatch) -> RecordBytes {
        batch.rewritingHeader { header in
            header.baseOffset = baseOffset
            header.partitionLeaderEpoch = partitionLeaderEpoch
            header.producerID = producerID
            header.producerEpoch = producerEpoch
            header.baseSequence = baseSequence
            header.isTransactional = isTransactional
            header.hasDeleteHorizon = false
        }
    }
}

extension RecordBatch {
    /// Sets what a broker sets when it appends: offset and leader epoch, neither under the checksum.
    public func assigningOffsets(baseOffset: Int64, leaderEpoch: Int32) -> RecordBytes {
        rewritingHeader { header in
            header.baseOffset = baseOffset
            header.partitionLeaderEpoch = leaderEpoch
        }
    }

    /// Sets what a broker sets when it appends to a topic whose timestamp type is LogAppendTime: all records of the
    /// batch are read with `logAppendTime` (milliseconds since 1970) from then on.
    public func assigningOffsets(baseOffset: Int64, leaderEpoch: Int32, logAppendTime: Int64) -> RecordBytes {
        rewritingHeader { header in
            header.baseOffset = baseOffset
            header.partitionLeaderEpoch = leaderEpoch
            header.timestampType = .logAppendTime
            header.maxTimestamp = logAppendTime
        }
    }

    /// A new header in front of the same payload; the checksum is shifted by what `edit` changed under it.
    ///
    /// `edit` leaves `batchLength`, `magic` and `checksum` alone.
    public func rewritingHeader(_ edit: (inout RecordBatchHeader) -> Void) -> RecordBytes {
        var edited = header
        edit(&edited)
        edited.checksum = header.checksum ^ checksumDifference(to: edited)
        var bytes = ByteBuffer()
        edited.encode(into: &bytes)
        return RecordBytes(header: bytes, payload: payload)
    }

    /// The change of the checksum when the header becomes `edited`.
    private func checksumDifference(to edited: RecordBatchHeader) -> UInt32 {
        withUnsafeTemporaryAllocation(byteCount: 2 * RecordBatchHeader.length, alignment: 8) { both in
            // Each half has the 61 bytes that `store` needs.
            let old = UnsafeMutableRawBufferPointer(rebasing: both[..<RecordBatchHeader.length])
            let new = UnsafeMutableRawBufferPointer(rebasing: both[RecordBatchHeader.length...])
            header.store(into: old)
            edited.store(into: new)
            let covered = RecordBatchHeader.checksumStart..<RecordBatchHeader.length
            let difference =
                CRC32C.checksum(of: .init(rebasing: old[covered]), continuing: 0)
                ^ CRC32C.checksum(of: .init(rebasing: new[covered]), continuing: 0)
            return difference == 0 ? 0 : CRC32C.shifted(difference, by: sizeInBytes - RecordBatchHeader.length)
        }
    }
}
