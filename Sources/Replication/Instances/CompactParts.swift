internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore

/// Partitions and their loads in few bytes: a group's record on the coordinator holds those of all its members.
///
/// The byte 2, then a zstd frame: the length of a header in JSON and the header; then lists. A list of partitions is the
/// number of its topics, and of each topic in their order: the bytes that its name shares with the one before, those that
/// follow, and ranges of partitions, each by its distance from the one before and its length less one. A load is one byte.
enum CompactParts {
    private static let version: UInt8 = 2
    /// Bytes that are taken apart at most: 50,000 topics of the longest names.
    private static let limit = OutputLimit(bytes: 16 << 20)
    /// Partitions that are taken apart at most: a few bytes may stand for a range of any length.
    private static let largestCount = 1 << 20

    static func isCompact(_ bytes: ByteBuffer) -> Bool { bytes.readableBytesView.first == version }

    struct Writer {
        private var bytes = ByteBuffer()

        init(header: ByteBuffer) {
            bytes.writeVariable(Int64(header.readableBytes))
            bytes.writeImmutableBuffer(header)
        }

        /// - Parameter partitions: in their order.
        mutating func write(_ partitions: [TopicPartition]) {
            let topics = partitions.chunks { $0.topic == $1.topic }
            bytes.writeVariable(Int64(topics.count))
            var before: [UInt8] = []
            for topic in topics {
                let name = Array(topic[topic.startIndex].topic.utf8)
                let shared = zip(before, name).prefix { $0 == $1 }.count
                bytes.writeVariable(Int64(shared))
                bytes.writeVariable(Int64(name.count - shared))
                bytes.writeBytes(name[shared...])
                before = name
                let ranges = topic.chunks { $1.partition == $0.partition + 1 }
                bytes.writeVariable(Int64(ranges.count))
                var end: Int32 = 0
                for range in ranges {
                    let first = range[range.startIndex].partition
                    bytes.writeVariable(Int64(first - end))
                    bytes.writeVariable(Int64(range.count - 1))
                    end = first + Int32(range.count)
                }
            }
        }

        mutating func write(loads: [Double?]) {
            for load in loads { bytes.writeInteger(QuantisedLoad.encode(load)) }
        }

        func finish() throws -> ByteBuffer {
            var result = ByteBuffer(integer: CompactParts.version)
            result.writeImmutableBuffer(try CompressionCodec.zstd.compress(bytes))
            return result
        }
    }

    struct Reader {
        private var bytes: ByteBuffer
        let header: ByteBuffer

        /// - Parameter whole: beginning with the version.
        init(_ whole: ByteBuffer) throws {
            var packed = whole
            packed.moveReaderIndex(forwardBy: 1)
            do {
                bytes = try CompressionCodec.zstd.decompress(packed, limit: CompactParts.limit)
            } catch {
                throw ImpossibleState("it cannot be decompressed: \(error)")
            }
            guard let length = bytes.readVariableNumber(), length <= bytes.readableBytes,
                let header = bytes.readSlice(length: Int(length))
            else { throw ImpossibleState("its header is not whole") }
            self.header = header
        }

        mutating func partitions() throws(ImpossibleState) -> [TopicPartition] {
            let topics = try number()
            var found: [TopicPartition] = []
            var before: [UInt8] = []
            for _ in 0..<topics {
                let (shared, added) = (try number(), try number())
                guard shared <= before.count, let suffix = bytes.readBytes(length: added),
                    let topic = String(validating: before.prefix(shared) + suffix, as: UTF8.self)
                else { throw ImpossibleState("the name of a topic is not whole") }
                before = Array(topic.utf8)
                var end = 0
                for _ in 0..<(try number()) {
                    let first = end + (try number())
                    let count = try number() + 1
                    end = first + count
                    guard end <= Int(Int32.max), found.count + count <= CompactParts.largestCount else {
                        throw ImpossibleState("it names more partitions than there can be")
                    }
                    found += (first..<end).map { TopicPartition(topic, Int32($0)) }
                }
            }
            return found
        }

        mutating func loads(_ count: Int) throws(ImpossibleState) -> [Double?] {
            guard let codes = bytes.readBytes(length: count) else { throw ImpossibleState("its loads are not whole") }
            return codes.map(QuantisedLoad.decode)
        }

        func finish() throws(ImpossibleState) {
            guard bytes.readableBytes == 0 else {
                throw ImpossibleState("\(bytes.readableBytes) bytes follow that have no meaning")
            }
        }

        /// A count or a length: nothing in here can be larger than the limit on the whole.
        private mutating func number() throws(ImpossibleState) -> Int {
            guard let value = bytes.readVariableNumber(), value <= Int64(Int32.max) else {
                throw ImpossibleState("a number is not whole")
            }
            return Int(value)
        }
    }
}

/// A load in one byte, within a twelfth of its value.
enum QuantisedLoad {
    private static let unknown: UInt8 = 0
    private static let none: UInt8 = 1
    private static let steps = 6

    static func encode(_ load: Double?) -> UInt8 {
        guard let load, load.isFinite else { return unknown }
        guard load >= 1 else { return none }
        let code = Int(load.exponent) * steps + Int((load.significand - 1) * Double(steps))
        return UInt8(min(code + 2, Int(UInt8.max)))
    }

    static func decode(_ code: UInt8) -> Double? {
        switch code {
        case unknown: return nil
        case none: return 0
        default:
            let (octave, step) = (Int(code) - 2).quotientAndRemainder(dividingBy: steps)
            return Double(1 << octave) * (1 + (Double(step) + 0.5) / Double(steps))
        }
    }
}

extension RandomAccessCollection {
    /// Runs of neighbours that belong together.
    fileprivate func chunks(_ belong: (Element, Element) -> Bool) -> [SubSequence] {
        var found: [SubSequence] = []
        var start = startIndex
        while start < endIndex {
            var end = index(after: start)
            while end < endIndex, belong(self[index(before: end)], self[end]) { end = index(after: end) }
            found.append(self[start..<end])
            start = end
        }
        return found
    }
}
