package import NIOCore

/// Part of a copy that a sampled verification looks at: the same for the same seed and the same log.
///
/// A partition's offsets are cut into stretches of ``stretch`` offsets, counted from offset 0. Seed, topic, partition
/// and number decide of each alone whether it is looked at, so that the choice stays as it was when a log grows or
/// expires. The last stretch always is: there a copy that lags or was cut short shows.
public struct Sampling: Hashable, Sendable {
    /// More than 0, at most 1.
    public var share: Double
    public var seed: UInt64

    /// Offsets that are looked at together.
    package static let stretch: Int64 = 1_000

    /// - Parameter share: about how much of each partition's offsets, or of a compacted partition's keys; more than 0,
    ///   at most 1.
    public init(share: Double, seed: UInt64) {
        precondition(share > 0 && share <= 1, "a share is more than nothing and at most everything")
        self.share = share
        self.seed = seed
    }

    /// The stretches of a partition to look at, in order; none of an empty range.
    package func ranges(of topic: String, partition: Int32, in range: Range<Int64>) -> [Range<Int64>] {
        guard !range.isEmpty else { return [] }
        let last = (range.upperBound - 1) / Self.stretch
        let base = Self.mix(seed ^ Self.fingerprint(topic.utf8), UInt64(UInt32(bitPattern: partition)))
        var chosen: [Range<Int64>] = []
        for number in range.lowerBound / Self.stretch...last {
            guard number == last || isChosen(Self.mix(base, UInt64(number))) else { continue }
            chosen.append((number * Self.stretch..<(number + 1) * Self.stretch).clamped(to: range))
        }
        return chosen
    }

    /// Tells whether a key of a compacted topic is looked at.
    package func includes(key: ByteBuffer?) -> Bool {
        isChosen(Self.mix(seed, key.map { Self.fingerprint($0.readableBytesView) } ?? 0))
    }

    private func isChosen(_ number: UInt64) -> Bool { share >= 1 || Double(number) < share * 0x1p64 }

    /// FNV-1a: the same in every process, unlike `Hasher`.
    private static func fingerprint(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// SplitMix64's last step: every bit of both numbers changes every bit of the outcome.
    private static func mix(_ one: UInt64, _ other: UInt64) -> UInt64 {
        var z = one &+ (other &+ 1) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
