import Replication
import Testing

@Suite struct SilentTargetsTests {
    @Test func `a broker is silent with as much as the limit, until it acknowledges something`() {
        var targets = SilentTargets()
        targets.took(60, for: 1)
        targets.took(50, for: 2)
        targets.acknowledged(by: 2)
        targets.took(10, for: 2)

        #expect(targets.look(held: [1: 60, 2: 60], limit: 60) == [1])
        #expect(targets.silent == [1])
        #expect(targets.look(held: [1: 60, 2: 60], limit: 60) == [])
        targets.acknowledged(by: 1)
        #expect(targets.look(held: [1: 50, 2: 60], limit: 50) == [1])
        #expect(targets.silent == [])
    }

    @Test func `a broker for which nothing is held any more is not silent, whatever it was`() {
        var targets = SilentTargets()
        targets.took(60, for: 1)
        #expect(targets.look(held: [1: 60], limit: 20) == [1])

        #expect(targets.look(held: [2: 60], limit: 20) == [1])
        #expect(targets.silent == [])
    }
}
