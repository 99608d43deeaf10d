import KafkaWire
import NIOCore

/// The producers of a partition as of one offset, in a file named after it.
///
/// Our own layout, under Kafka's name: Kafka keeps one batch per producer there, and so accepts the others of the last
/// five a second time after a restart.
struct ProducerSnapshotFile {
    let directory: String
    /// The snapshot accounts for all batches before it.
    let offset: Int64

    static let suffix = ".snapshot"
    private static let version: Int16 = 0x5201

    var path: String { "\(directory)/\(SegmentFiles.name(offset))\(Self.suffix)" }

    /// Not flushed: if a loss of power takes the file, an older one and the batches after it say the same.
    func save(_ states: some Collection<ProducerState>, faults: DiskFaults?) throws(LogError) {
        var body = ByteBuffer()
        body.writeInteger(Int32(states.count))
        for state in states {
            body.writeMultipleIntegers(state.producerID, state.epoch, state.coordinatorEpoch, state.lastTimestamp)
            body.writeMultipleIntegers(state.transactionFirstOffset ?? -1, Int8(state.batches.count))
            for batch in state.batches {
                body.writeMultipleIntegers(
                    batch.firstSequence, batch.lastSequence, batch.firstOffset, batch.lastOffset, batch.timestamp)
            }
        }
        var bytes = ByteBuffer()
        bytes.writeMultipleIntegers(Self.version, CRC32C.checksum(of: body))
        bytes.writeImmutableBuffer(body)
        try FileSystem.replace(path, with: bytes, flushed: false, faults: faults)
    }

    /// Nil if the file is missing or damaged.
    func load() throws(LogError) -> [ProducerState]? {
        guard var bytes = try FileSystem.contents(of: path),
            let (version, checksum) = bytes.readMultipleIntegers(as: (Int16, UInt32).self),
            version == Self.version, checksum == CRC32C.checksum(of: bytes),
            let count = bytes.readInteger(as: Int32.self)
        else { return nil }
        var states: [ProducerState] = []
        for _ in 0..<max(count, 0) {
            guard let state = Self.readState(&bytes) else { return nil }
            states.append(state)
        }
        return states
    }

    private static func readState(_ bytes: inout ByteBuffer) -> ProducerState? {
        guard
            let (producerID, epoch, coordinatorEpoch, timestamp, first, count) = bytes.readMultipleIntegers(
                as: (Int64, Int16, Int32, Int64, Int64, Int8).self)
        else { return nil }
        var batches: [ProducerState.Batch] = []
        for _ in 0..<max(count, 0) {
            guard
                let batch = bytes.readMultipleIntegers(as: (Int32, Int32, Int64, Int64, Int64).self)
            else { return nil }
            batches.append(
                ProducerState.Batch(
                    firstSequence: batch.0, lastSequence: batch.1, firstOffset: batch.2, lastOffset: batch.3,
                    timestamp: batch.4))
        }
        return ProducerState(
            producerID: producerID, epoch: epoch, coordinatorEpoch: coordinatorEpoch, lastTimestamp: timestamp,
            transactionFirstOffset: first < 0 ? nil : first, batches: batches)
    }
}
