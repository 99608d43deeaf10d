import CryptoPrimitives
import KafkaWire
import NIOCore

/// Treatment of bytes that do not hold, or that follow such.
extension PartitionLog {
    /// Returns true if the bytes from `position` to the segment's end can be what a crash leaves of one write: zeros,
    /// or the beginning of a batch, or a whole one at the very end whose bytes did not all get to the disk.
    func isUnfinishedWrite(_ segment: LogSegment, from position: Int) throws(LogError) -> Bool {
        var start = position
        /// End of the last byte that is not zero.
        var written = position
        var header: RecordBatchHeader?
        while start < segment.size {
            let block = try segment.data.peek(at: start, count: Self.damageBlock)
            guard block.readableBytes > 0 else { break }
            if start == position { header = try? RecordBatchHeader(parsing: block) }
            if let last = block.withUnsafeReadableBytes({ $0.lastIndex { $0 != 0 } }) { written = start + last + 1 }
            if written > start, try holdsBatch(block, of: segment, at: start, after: position) { return false }
            // The next block begins where the last place for a header in this one was.
            start +=
                block.readableBytes < Self.damageBlock
                ? block.readableBytes : block.readableBytes - RecordBatchHeader.length + 1
        }
        guard let header, written - position >= RecordBatchHeader.length else { return true }
        guard header.batchLength >= BatchWalker.smallestBatchLength, header.magic == 2 else { return false }
        return position + header.sizeInBytes >= written
    }

    /// Returns true if a batch with a right checksum begins in a block, anywhere behind `position`.
    private func holdsBatch(
        _ block: ByteBuffer, of segment: LogSegment, at start: Int, after position: Int
    ) throws(LogError) -> Bool {
        let places = block.withUnsafeReadableBytes { bytes -> [Int] in
            // In bounds: the byte that tells the format is the seventeenth of sixty-one.
            (0..<max(bytes.count - RecordBatchHeader.length + 1, 0)).filter { bytes[$0 + 16] == 2 && bytes[$0] < 0x80 }
        }
        for place in places where start + place > position {
            guard let slice = block.getSlice(at: block.readerIndex + place, length: RecordBatchHeader.length),
                let header = try? RecordBatchHeader(parsing: slice),
                header.batchLength >= BatchWalker.smallestBatchLength,
                start + place + header.sizeInBytes <= segment.size, header.baseOffset >= segment.baseOffset,
                header.baseOffset - segment.baseOffset <= Int64(Int32.max), header.lastOffsetDelta >= 0
            else { continue }
            let bytes = try segment.data.read(start + place..<start + place + header.sizeInBytes)
            if let batch = try? RecordBatch(RecordBytes(slices: bytes).contiguous), batch.isChecksumValid {
                return true
            }
        }
        return false
    }

    private static let damageBlock = 1 << 20
}

extension LogSegment {
    private func damagedName() -> String? {
        files.map { files in
            let id = [UInt8].random(count: 16).map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
            return "\(files.log).\(id.joined())-damaged"
        }
    }

    /// Keeps the bytes from `position` on in a file of their own, on the disk for good.
    func keepCopy(from position: Int) throws(LogError) {
        guard let path = damagedName(), position < size else { return }
        let copy = try PosixFile(path, .createNew)
        do throws(LogError) {
            var start = position
            while start < size {
                let block = try data.peek(at: start, count: 1 << 20)
                guard block.readableBytes > 0 else { break }
                try copy.write(block, ByteBuffer(), at: start - position)
                start += block.readableBytes
            }
            try copy.flush()
        } catch {
            try? FileSystem.remove(path)
            throw error
        }
    }

    /// Takes the segment out of the log, with its batches kept under another name.
    func setAside() throws(LogError) {
        guard let files, let path = damagedName(), !isEmpty else { return try delete() }
        data.seal()
        try FileSystem.rename(files.log, to: path)
        try FileSystem.remove(files.offsetIndex)
        try FileSystem.remove(files.timeIndex)
        try FileSystem.remove(files.transactionIndex)
    }
}
