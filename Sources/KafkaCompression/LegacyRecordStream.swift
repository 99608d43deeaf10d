public import KafkaWire
import NIOCore

/// Reads the records of an entry of the formats before batches, one after the other.
///
/// Its set is decompressed as a whole, since these formats have only codecs of a limited ratio, below the limits of
/// ``RecordStream``.
public struct LegacyRecordStream {
    private enum Rest {
        case single(Record?)
        case set(InnerMessageReader)
    }

    private var rest: Rest

    public init(_ entry: LegacyEntry, limit: OutputLimit) throws(CompressionError) {
        guard let codec = entry.codec else { throw .unknownCodec(attributes: Int16(entry.attributes)) }
        guard codec != .none else {
            rest = .single(entry.record)
            return
        }
        let whole = RecordStream.limit(ofWhole: entry.bytes.readableBytes, limit)
        let innerSet = try entry.innerSet(codec: codec, limit: whole)
        do throws(WireError) {
            rest = .set(try InnerMessageReader(innerSet, of: entry))
        } catch {
            throw .malformed(error)
        }
    }

    /// The next record; nil after the last.
    public mutating func next() throws(WireError) -> Record? {
        switch rest {
        case .single(let record):
            rest = .single(nil)
            return record
        case .set(var reader):
            rest = .single(nil)
            let record = try reader.next()
            rest = .set(reader)
            return record
        }
    }
}
