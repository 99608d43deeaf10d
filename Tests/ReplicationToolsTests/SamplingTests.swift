import NIOCore
import ReplicationTools
import Testing

@Suite struct SamplingTests {
    private static let million: Range<Int64> = 123..<1_000_456

    private static func ranges(_ share: Double, seed: UInt64, in range: Range<Int64> = million) -> [Range<Int64>] {
        Sampling(share: share, seed: seed).ranges(of: "orders", partition: 3, in: range)
    }

    @Test func `a seed chooses the same stretches again, another seed others`() {
        #expect(Self.ranges(0.05, seed: 1) == Self.ranges(0.05, seed: 1))
        #expect(Self.ranges(0.05, seed: 1) != Self.ranges(0.05, seed: 2))
    }

    @Test func `partitions and topics get different stretches`() {
        let sampling = Sampling(share: 0.05, seed: 1)

        let one = sampling.ranges(of: "orders", partition: 0, in: Self.million)

        #expect(one != sampling.ranges(of: "orders", partition: 1, in: Self.million))
        #expect(one != sampling.ranges(of: "payments", partition: 0, in: Self.million))
    }

    @Test(arguments: [0.01, 0.05, 0.3, 0.9])
    func `about the share is chosen`(share: Double) {
        let counts = (0..<20).map { seed in
            Self.ranges(share, seed: seed).reduce(0) { $0 + Double($1.count) } / Double(Self.million.count)
        }

        let mean = counts.reduce(0, +) / 20
        #expect(abs(mean - share) < 0.1 * share + 0.002)
    }

    @Test func `everything is chosen of a share of one, nothing twice, in order`() {
        let ranges = Self.ranges(1, seed: 9)

        #expect(ranges.first?.lowerBound == Self.million.lowerBound)
        #expect(ranges.last?.upperBound == Self.million.upperBound)
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
    }

    @Test(arguments: 0..<50)
    func `the end is always looked at`(seed: UInt64) {
        #expect(Self.ranges(0.001, seed: seed).last?.upperBound == Self.million.upperBound)
        #expect(Self.ranges(0.001, seed: seed, in: 5..<6) == [5..<6])
        #expect(Self.ranges(0.001, seed: seed, in: 5..<5) == [])
    }

    @Test func `the choice stays when the log grows and expires`() {
        let before = Self.ranges(0.1, seed: 4)
        let after = Self.ranges(0.1, seed: 4, in: 200_000..<2_000_000)

        let inside = before.dropLast().filter { $0.lowerBound >= 200_000 }
        #expect(!inside.isEmpty)
        #expect(after.starts(with: inside))
    }

    @Test func `about the share of keys is chosen, the same for the same seed`() {
        let sampling = Sampling(share: 0.2, seed: 5)
        let keys = (0..<10_000).map { ByteBuffer(string: "key \($0)") }

        let chosen = keys.filter { sampling.includes(key: $0) }

        #expect((1_700...2_300).contains(chosen.count))
        #expect(chosen == keys.filter { Sampling(share: 0.2, seed: 5).includes(key: $0) })
        #expect(chosen != keys.filter { Sampling(share: 0.2, seed: 6).includes(key: $0) })
        #expect(keys.allSatisfy { Sampling(share: 1, seed: 5).includes(key: $0) })
    }
}
