/// The owner of a connection, in Kafka's form `User:name`.
struct Principal: Hashable, Sendable {
    @Exact private(set) var type: String
    @Exact private(set) var name: String

    static let anonymous = Principal(user: "ANONYMOUS")
    /// In an ACL: everybody.
    static let everybody = Principal(user: "*")

    init(type: String, name: String) {
        self.type = type
        self.name = name
    }

    init(user name: String) {
        self.init(type: "User", name: name)
    }

    /// Reads `Type:name`; nil without a colon or with an empty type, as Kafka's `SecurityUtils` refuses it.
    init?(parsing text: some StringProtocol) {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else { return nil }
        self.init(type: String(text[..<colon]), name: String(text[text.index(after: colon)...]))
    }
}

extension Principal: CustomStringConvertible {
    var description: String { "\(type):\(name)" }
}
