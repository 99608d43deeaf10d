/// The schema that a message's code amounts to, as text.
extension WireCoder {
    var traceText: String { traced.joined(separator: " ") }

    /// - Parameters:
    ///   - initial: the value a fresh message has in this field.
    ///   - zero: the value that goes without saying; any other is noted, as in `int32=-1`.
    mutating func trace<Value: Equatable>(_ type: String, initially initial: Value, unless zero: Value) {
        traced.append(initial == zero ? type : "\(type)=\(initial)")
    }

    mutating func trace(_ part: String) {
        traced.append(part)
    }

    /// Null every third time.
    mutating func sampleNull() -> Bool {
        generator.next() % 3 == 0
    }
}
