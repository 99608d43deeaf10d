import KafkaWire
import Testing

@Suite struct ExactNameTests {
    private static let composed = "caf\u{e9}"
    private static let decomposed = "cafe\u{301}"

    @Test func `names that only look the same are two`() {
        #expect(Self.composed == Self.decomposed)
        #expect(ExactName(Self.composed) != ExactName(Self.decomposed))
        #expect(Set([ExactName(Self.composed), ExactName(Self.decomposed), ExactName("caf\u{e9}")]).count == 2)
    }

    @Test func `a value is found under its very name`() {
        #expect([Self.composed: 1].exactly(Self.composed) == 1)
        #expect([Self.composed: 1].exactly(Self.decomposed) == nil)
        #expect([Self.composed: 1].exactly("x") == nil)
    }
}
