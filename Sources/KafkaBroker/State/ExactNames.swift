package import KafkaWire

// Names that clients choose freely are compared by their bytes, as Kafka compares them. Topics are ASCII; a name that
// only looks like one of theirs (the sign for Kelvin and the letter K) is found by ``Dictionary/exactly(_:)`` not to be.

extension ExactName: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self.init(text) }
}

extension Dictionary where Key == ExactName {
    package subscript(name: String) -> Value? {
        get { self[ExactName(name)] }
        set { self[ExactName(name)] = newValue }
        _modify { yield &self[ExactName(name)] }
    }

    package subscript(name: String, default value: @autoclosure () -> Value) -> Value {
        get { self[ExactName(name), default: value()] }
        _modify { yield &self[ExactName(name), default: value()] }
    }

    package mutating func removeValue(forKey name: String) -> Value? { removeValue(forKey: ExactName(name)) }
}

extension Set<ExactName> {
    package func contains(_ name: String) -> Bool { contains(ExactName(name)) }
}

extension StringProtocol {
    /// Returns true if the bytes are the same; `==` takes texts for equal that look the same.
    package func isExactly(_ other: some StringProtocol) -> Bool { utf8.elementsEqual(other.utf8) }
}

/// A text of a structure that is compared by its bytes.
@propertyWrapper package struct Exact: Hashable, Sendable {
    private var name: ExactName

    package init(wrappedValue: String) { name = ExactName(wrappedValue) }

    package var wrappedValue: String {
        get { name.text }
        set { name = ExactName(newValue) }
    }
}
