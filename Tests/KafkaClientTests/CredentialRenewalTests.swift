import KafkaClient
import KafkaWire
import TestSupport
import Testing

/// When credentials that end are fetched anew; no clock but the numbers given.
@Suite(.printsSeed) struct CredentialRenewalTests {
    private var random = seeded(1)

    private static func used(_ step: CredentialRenewal<String>.Step) -> String? {
        if case .use(let value) = step { value } else { nil }
    }

    private static func isRenewal(_ step: CredentialRenewal<String>.Step) -> Bool {
        if case .renew = step { true } else { false }
    }

    @Test func `nothing is there at first`() {
        #expect(Self.isRenewal(CredentialRenewal<String>().step(at: 0)))
    }

    @Test mutating func `one is used until most of its life is over`() {
        var renewal = CredentialRenewal<String>()
        renewal.renewed("a", expiry: 1_100, at: 1_000, using: &random)

        #expect(Self.used(renewal.step(at: 1_000)) == "a")
        #expect(Self.used(renewal.step(at: 1_074)) == "a")
        #expect(Self.isRenewal(renewal.step(at: 1_086)))
    }

    @Test mutating func `clients that start together do not renew together`() {
        var renewed: Set<Int> = []
        for _ in 0..<200 {
            var renewal = CredentialRenewal<String>()
            renewal.renewed("a", expiry: 1_000, at: 0, using: &random)
            renewed.insert((0...1_000).first { Self.isRenewal(renewal.step(at: Double($0))) } ?? -1)
        }
        #expect(renewed.count > 30)
        #expect(renewed.allSatisfy { (750...850).contains($0) })
    }

    @Test mutating func `one whose end is not known is used once`() {
        var renewal = CredentialRenewal<String>()
        renewal.renewed("a", expiry: nil, at: 0, using: &random)
        #expect(Self.isRenewal(renewal.step(at: 0)))
    }

    @Test mutating func `one that has ended when it comes is used once`() {
        var renewal = CredentialRenewal<String>()
        renewal.renewed("a", expiry: 50, at: 100, using: &random)
        #expect(Self.isRenewal(renewal.step(at: 100)))
    }

    @Test mutating func `the old one does while no new one can be had`() {
        var renewal = CredentialRenewal<String>()
        renewal.renewed("a", expiry: 100, at: 0, using: &random)

        #expect(renewal.failed(.unavailable("down"), at: 90, using: &random) == "a")
        #expect(Self.used(renewal.step(at: 90.5)) == "a")
        #expect(Self.isRenewal(renewal.step(at: 92)))
        #expect(renewal.failed(.unavailable("down"), at: 101, using: &random) == nil)
    }

    @Test mutating func `whoever fails is asked again ever more seldom`() {
        var renewal = CredentialRenewal<String>()
        var now = 0.0
        var pauses: [Double] = []
        for _ in 0..<10 {
            #expect(renewal.failed(.refused("no"), at: now, using: &random) == nil)
            guard case .wait(.refused("no")) = renewal.step(at: now) else {
                Issue.record("it does not wait")
                return
            }
            let start = now
            while !Self.isRenewal(renewal.step(at: now)) { now += 0.1 }
            pauses.append(now - start)
        }
        #expect((0.7...1.4).contains(pauses[0]))
        #expect(pauses.allSatisfy { $0 < 73 })
        #expect(pauses[9] > 45)
    }

    @Test mutating func `a success ends the waiting`() {
        var renewal = CredentialRenewal<String>()
        _ = renewal.failed(.unavailable("down"), at: 0, using: &random)
        renewal.renewed("b", expiry: 100, at: 5, using: &random)
        #expect(Self.used(renewal.step(at: 5)) == "b")
    }

    @Test mutating func `one that the broker refuses is replaced, unless it has just come`() {
        var renewal = CredentialRenewal<String>()
        renewal.renewed("a", expiry: 1_000, at: 0, using: &random)

        renewal.refused(at: 5)
        #expect(Self.used(renewal.step(at: 5)) == "a")
        renewal.refused(at: 11)
        #expect(Self.isRenewal(renewal.step(at: 11)))
    }
}
