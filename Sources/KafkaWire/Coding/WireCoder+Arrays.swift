/// Elements behind their count: an `int32`, or a compact varint in flexible versions.
extension WireCoder {
    public mutating func array<Value: WireStruct>(_ values: inout [Value]) throws(WireError) {
        try plainArray(&values, Value()) { wire, value throws(WireError) in try wire.structure(&value) }
    }

    /// - Parameter since: the first version that allows null; before it null is written as an empty array.
    public mutating func nullableArray<Value: WireStruct>(
        _ values: inout [Value]?, since: Int16 = 0
    ) throws(WireError) {
        try array(&values, Value(), nullable: version >= since) { wire, value throws(WireError) in
            try wire.structure(&value)
        }
    }

    public mutating func int32Array(_ values: inout [Int32]) throws(WireError) {
        try plainArray(&values, 0) { wire, value throws(WireError) in try wire.int32(&value) }
    }

    public mutating func int64Array(_ values: inout [Int64]) throws(WireError) {
        try plainArray(&values, 0) { wire, value throws(WireError) in try wire.int64(&value) }
    }

    public mutating func stringArray(_ values: inout [String]) throws(WireError) {
        try plainArray(&values, "") { wire, value throws(WireError) in try wire.string(&value) }
    }

    public mutating func nullableInt32Array(_ values: inout [Int32]?, since: Int16 = 0) throws(WireError) {
        try array(&values, 0, nullable: version >= since) { wire, value throws(WireError) in try wire.int32(&value) }
    }

    public mutating func nullableStringArray(_ values: inout [String]?, since: Int16 = 0) throws(WireError) {
        try array(&values, "", nullable: version >= since) { wire, value throws(WireError) in try wire.string(&value) }
    }

    private mutating func plainArray<Value>(
        _ values: inout [Value], _ initial: Value,
        _ element: (inout WireCoder, inout Value) throws(WireError) -> Void
    ) throws(WireError) {
        var optional: [Value]? = direction == .read ? nil : values
        try array(&optional, initial, nullable: false, element)
        if direction != .write { values = optional ?? [] }
    }

    private mutating func array<Value>(
        _ values: inout [Value]?, _ initial: Value, nullable: Bool,
        _ element: (inout WireCoder, inout Value) throws(WireError) -> Void
    ) throws(WireError) {
        switch direction {
        case .read:
            let at = position
            guard let count = try readElementCount(of: Value.self) else {
                guard nullable else { throw .unexpectedNull(at: at) }
                values = nil
                return
            }
            values = try elements(count, initial, element)
        case .write:
            try writeCount(nullable ? values?.count : values?.count ?? 0)
            for value in values ?? [] {
                var written = value
                try element(&self, &written)
            }
        case .sample:
            let count = nullable && sampleNull() ? nil : sampleSource.count()
            values = try count.map { count throws(WireError) in try elements(count, initial, element) }
        case .trace:
            trace("[")
            var example = initial
            try element(&self, &example)
            trace(nullable ? "]?" : "]", initially: values == nil ? "null" : "", unless: "")
        }
    }

    private mutating func elements<Value>(
        _ count: Int, _ initial: Value, _ element: (inout WireCoder, inout Value) throws(WireError) -> Void
    ) throws(WireError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(min(count, Self.largestReservation))
        for _ in 0..<count {
            var value = initial
            try element(&self, &value)
            values.append(value)
        }
        return values
    }

    /// Elements reserved on the strength of a count alone; beyond it memory follows the elements that came.
    private static let largestReservation = 1024
    /// Elements may take this many times the bytes that announce them. No element of the protocol needs half of it.
    private static let largestExpansion = 32

    /// Each element takes at least a byte on the wire and no more than ``largestExpansion`` times its bytes in memory,
    /// which bounds what a count can make us allocate by what the frame holds.
    private mutating func readElementCount<Value>(of type: Value.Type) throws(WireError) -> Int? {
        let at = position
        guard let count = try readCount() else { return nil }
        guard count <= remaining, count * MemoryLayout<Value>.stride <= remaining * Self.largestExpansion else {
            throw .invalidLength(at: at, length: count)
        }
        return count
    }
}
