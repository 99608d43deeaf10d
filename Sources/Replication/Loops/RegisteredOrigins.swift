package import KafkaClient
package import KafkaWire

/// Contents of `__replicator_origins` at one time.
package struct RegisteredOrigins: Sendable {
    package private(set) var records: [Int64: OriginRecord] = [:]
    /// Producer ids whose newest record cannot be understood, with the reason.
    package private(set) var unreadable: [Int64: String] = [:]

    package init() {}

    package static func read(_ log: StateTopic) async throws(KafkaError) -> RegisteredOrigins {
        var origins = RegisteredOrigins()
        _ = try await origins.read(log)
        return origins
    }

    /// Takes in what the topic holds from an offset on.
    ///
    /// - Returns: where to continue later.
    package mutating func read(_ log: StateTopic, from offset: Int64 = 0) async throws(KafkaError) -> Int64 {
        var reader = log.reader(from: offset)
        while let records = try await reader.records() {
            for record in records {
                do { try take(record) } catch { await log.skip(record, because: "\(error)") }
            }
        }
        return reader.next
    }

    /// Takes a record as it was read.
    ///
    /// - Throws: when it is none of a replicator's. What it says about its key's producer id is then not known.
    package mutating func take(_ record: Record) throws {
        guard let key = record.key, let id = OriginRecord.producerID(of: key) else {
            throw ImpossibleState("its key is no producer id")
        }
        guard let value = record.value else {
            // A tombstone: no flow writes under that id.
            records[id] = nil
            unreadable[id] = nil
            return
        }
        do {
            records[id] = try OriginRecord(decoding: value)
            unreadable[id] = nil
        } catch {
            if records[id] == nil { unreadable[id] = "the record at offset \(record.offset): \(error)" }
            throw error
        }
    }
}
