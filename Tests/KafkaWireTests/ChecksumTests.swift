import KafkaWire
import NIOCore
import TestSupport
import Testing

@Suite(.printsSeed) struct ChecksumTests {
    @Test(
        arguments: [
            (Array("123456789".utf8), 0xE306_9283),
            ([], 0),
            ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
            (Array(0..<32), 0x46DD_794E),
        ] as [([UInt8], UInt32)])
    func `CRC-32C gives the known answers of RFC 3720`(bytes: [UInt8], expected: UInt32) {
        #expect(CRC32C.checksum(of: ByteBuffer(bytes: bytes)) == expected)
        #expect(CRC32C.checksum(of: bytes.span.bytes) == expected)
    }

    @Test func `CRC-32 gives the known answer of gzip`() {
        #expect(CRC32.checksum(of: ByteBuffer(string: "123456789")) == 0xCBF4_3926)
        #expect(CRC32.checksum(of: ByteBuffer()) == 0)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `a checksum continues where another ended`(seed: UInt64) {
        var random = seeded(seed)
        let bytes = random.randomBytes(Int.random(in: 0...5000, using: &random))
        let cut = Int.random(in: 0...bytes.count, using: &random)

        let first = CRC32C.checksum(of: ByteBuffer(bytes: bytes[..<cut]))
        let both = CRC32C.checksum(of: ByteBuffer(bytes: bytes[cut...]), continuing: first)

        #expect(both == CRC32C.checksum(of: ByteBuffer(bytes: bytes)))
        let old = CRC32.checksum(of: ByteBuffer(bytes: bytes[..<cut]))
        let oldBoth = CRC32.checksum(of: ByteBuffer(bytes: bytes[cut...]), continuing: old)
        #expect(oldBoth == CRC32.checksum(of: ByteBuffer(bytes: bytes)))
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `a shifted difference of heads is the difference of the wholes`(seed: UInt64) {
        var random = seeded(seed)
        let headLength = Int.random(in: 1...100, using: &random)
        let (old, new) = (random.randomBytes(headLength), random.randomBytes(headLength))
        // Small, large, and around the powers of two that the tables stand for.
        let power = 1 << Int.random(in: 0...20, using: &random)
        let tail = random.randomBytes(max(0, power + Int.random(in: -1...1, using: &random)))

        let difference =
            CRC32C.checksum(of: ByteBuffer(bytes: old)) ^ CRC32C.checksum(of: ByteBuffer(bytes: new))
        let whole =
            CRC32C.checksum(of: ByteBuffer(bytes: old + tail)) ^ CRC32C.checksum(of: ByteBuffer(bytes: new + tail))

        #expect(CRC32C.shifted(difference, by: tail.count) == whole)
    }

    @Test func `shifts add up, whatever their length`() {
        var random = seeded(7)
        for _ in 0..<1000 {
            let crc = UInt32(truncatingIfNeeded: random.next())
            let first = Int.random(in: 0...(1 << 39), using: &random)
            let second = Int.random(in: 0...(1 << 39), using: &random)
            #expect(
                CRC32C.shifted(CRC32C.shifted(crc, by: first), by: second) == CRC32C.shifted(crc, by: first + second))
        }
    }
}

extension SeededGenerator {
    /// Incompressible bytes.
    mutating func randomBytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}
