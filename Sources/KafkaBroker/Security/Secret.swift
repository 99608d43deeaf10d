/// A password or key that no description, log line or error ever shows.
struct Secret: Sendable, Hashable {
    private let value: String

    init(_ value: some StringProtocol) {
        self.value = String(value)
    }

    func reveal() -> String { value }

    var bytes: [UInt8] { Array(value.utf8) }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { "•••" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }
}
