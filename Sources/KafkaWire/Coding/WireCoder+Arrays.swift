import NIOCore

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

    public mutating func int8Array(_ values: inout [Int8]) throws(WireError) {
        try plainArray(&values, 0) { wire, value throws(WireError) in try wire.int8(&value) }
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
            guard let count = try readCount() else {
                guard nullable else { throw .unexpectedNull(at: at) }
                values = nil
                return
            }
            guard count <= elementsLeft, try canHold(count, initial, element) else {
                throw .invalidLength(at: at, length: count)
            }
            elementsLeft -= count
            values = try elements(count, initial, element)
        case .write:
            try writeCount(nullable ? values?.count : values?.count ?? 0)
            for value in values ?? [] {
                var written = value
                try element(&self, &written)
            }
        case .sample:
            let count = nullable && sampleNull() ? nil : generator.count()
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

    /// Returns true if the rest of the frame is long enough for `count` elements, each as short as a fresh one.
    ///
    /// A count that lies is caught before its elements are read. What can then be allocated is bounded by what arrived:
    /// no element of the protocol takes more than 24 times its shortest form in memory.
    private func canHold<Value>(
        _ count: Int, _ initial: Value, _ element: (inout WireCoder, inout Value) throws(WireError) -> Void
    ) throws(WireError) -> Bool {
        guard count <= remaining else { return false }
        guard count > Self.largestReservation else { return true }
        var shortest = WireCoder(writingVersion: version, isFlexible: isFlexible)
        var fresh = initial
        try element(&shortest, &fresh)
        return count * shortest.writtenContiguously().readableBytes <= remaining
    }
}
