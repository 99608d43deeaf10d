/// Values that `${env:NAME}` and `${file:PATH}` stood for in a configuration. A variable or a file may hold more than the
/// key that it was put to by mistake, so none of them is shown.
struct ResolvedReferences: Sendable, Hashable {
    /// In pieces, the longest first.
    private var values: [String] = []

    mutating func remember(_ value: String) {
        values += value.split { $0.isWhitespace || $0 == "," }.map(String.init)
        values.sort { $0.count > $1.count }
    }

    /// The message without them.
    func hiding(_ message: String) -> String {
        var message = message
        for value in values {
            // A short value may be part of our own words.
            let shown = value.count < 4 ? "\"\(value)\"" : value
            if message.contains(shown) { message = message.replacing(shown, with: "•••") }
        }
        return message
    }
}

extension ResolvedReferences: CustomStringConvertible, CustomReflectable {
    var description: String { "•••" }
    var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
