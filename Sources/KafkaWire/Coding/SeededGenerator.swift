/// SplitMix64: the same numbers for the same seed, on every machine. Every test that draws numbers draws them here.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

}

// Values for the fields of a message, so that property tests need no generator per message.
extension SeededGenerator {
    /// Edge values about half of the time: that is where encodings break.
    mutating func integer<Value: FixedWidthInteger & Sendable>(_ type: Value.Type) -> Value {
        switch next() % 8 {
        case 0: 0
        case 1: Value.isSigned ? ~0 : 1
        case 2: .max
        case 3: .min
        default: Value(truncatingIfNeeded: next())
        }
    }

    mutating func count() -> Int {
        Int(next() % 4)
    }

    mutating func string() -> String {
        let alphabet = Array("abcXYZ019.-_ é→𝄞")
        let length = next() % 16 == 0 ? 200 : Int(next() % 12)
        return String((0..<length).map { _ in alphabet[Int(next() % UInt64(alphabet.count))] })
    }

    mutating func bytes() -> [UInt8] {
        (0..<Int(next() % 40)).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}
