/// A name as Kafka has it: equal to another only if the bytes are.
///
/// Swift takes texts for equal that look the same, such as `é` and `e` with an accent behind it; for Kafka these are two
/// groups, or two users.
public struct ExactName: Hashable, Sendable {
    public let text: String

    public init(_ text: String) {
        self.text = text
    }

    public static func == (left: ExactName, right: ExactName) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    public func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
        hasher.combine(UInt8(0xFF))
    }
}

extension Dictionary where Key == String {
    /// The value of the key that has these very bytes.
    package func exactly(_ name: String) -> Value? {
        guard let index = index(forKey: name), self[index].key.utf8.elementsEqual(name.utf8) else { return nil }
        return self[index].value
    }
}
