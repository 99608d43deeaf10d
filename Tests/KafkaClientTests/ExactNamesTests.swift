import KafkaClient
import KafkaWire
import Testing

/// Groups and principals whose names only look the same, and reasons that brokers give.
@Suite struct ExactNamesTests {
    private static let composed = "caf\u{e9}"
    private static let decomposed = "cafe\u{301}"

    @Test func `coordinators, rules and quotas are those of the very name`() {
        #expect(Coordinator.group(Self.composed) != .group(Self.decomposed))
        #expect(Coordinator.group("a") != .transaction("a"))
        #expect(Coordinator.group("a") == .group("a"))
        func rule(_ name: String, _ principal: String) -> AccessRule {
            AccessRule(.allow, AccessOperation(rawValue: 3), on: .topic, name, to: principal)
        }
        #expect(rule("a", Self.composed) != rule("a", Self.decomposed))
        #expect(rule(Self.composed, "a") != rule(Self.decomposed, "a"))
        #expect(Set([rule("a", "b"), rule("a", "b")]).count == 1)
        #expect(QuotaEntity(["user": Self.composed]) != QuotaEntity(["user": Self.decomposed]))
        #expect(QuotaEntity(["user": nil]) == QuotaEntity(["user": nil]))
    }

    @Test func `a broker's reason is one line of bounded length`() {
        let reason = KafkaError.Reason.broker(
            .invalidRequest, message: "a\nFORGED\u{1B}[2J\u{202E}" + String(repeating: "x", count: 1 << 20))

        #expect(reason.words.contains("a\\nFORGED\\u{1B}[2J\\u{202E}xxx"))
        #expect(reason.words.utf8.count < 4_096)
    }
}
