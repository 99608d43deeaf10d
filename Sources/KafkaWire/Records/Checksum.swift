import CISAL
public import NIOCore

/// The checksum of record batches: CRC-32C (Castagnoli), computed by ISA-L with the processor's own instructions.
public enum CRC32C {
    /// The checksum of `bytes`; with `continuing`, that of the earlier bytes and these.
    public static func checksum(of bytes: ByteBuffer, continuing crc: UInt32 = 0) -> UInt32 {
        checksum(of: bytes.readableBytesSpan, continuing: crc)
    }

    /// The checksum of `bytes`; with `continuing`, that of the earlier bytes and these.
    public static func checksum(of bytes: RawSpan, continuing crc: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { checksum(of: $0, continuing: crc) }
    }

    static func checksum(of bytes: UnsafeRawBufferPointer, continuing crc: UInt32) -> UInt32 {
        guard let start = bytes.baseAddress else { return crc }
        // ISA-L works on the bare register (no inversion) and counts in `int`. It only reads, whatever its type says.
        var register = ~crc
        var done = 0
        while done < bytes.count {
            let length = min(bytes.count - done, largestPiece)
            // In bounds: done + length <= bytes.count.
            let piece = UnsafeMutableRawPointer(mutating: start + done).assumingMemoryBound(to: UInt8.self)
            register = crc32_iscsi(piece, Int32(length), register)
            done += length
        }
        return ~register
    }

    /// Computes what the difference of two checksums becomes when `byteCount` equal bytes follow on both sides.
    ///
    /// CRC is linear: for two headers of equal length in front of the same payload,
    /// `crc(new + payload) == crc(old + payload) ^ shifted(crc(old) ^ crc(new), by: payload.count)`. This is what lets
    /// a header change without its payload being read. Costs one step per set bit of `byteCount`.
    public static func shifted(_ crc: UInt32, by byteCount: Int) -> UInt32 {
        precondition(byteCount >= 0, "bytes that follow cannot be fewer than none")
        var crc = crc
        var rest = UInt64(byteCount)
        ShiftTables.tables.withUnsafeBufferPointer { tables in
            while rest != 0 {
                let power = rest.trailingZeroBitCount
                rest &= rest - 1
                // A length of 2^41 bytes or more does not exist in memory; in bounds for all others.
                let table = power * ShiftTables.entriesPerPower
                crc =
                    tables[table + Int(crc & 0xFF)]
                    ^ tables[table + 0x100 + Int(crc >> 8 & 0xFF)]
                    ^ tables[table + 0x200 + Int(crc >> 16 & 0xFF)]
                    ^ tables[table + 0x300 + Int(crc >> 24)]
            }
        }
        return crc
    }

    private static let largestPiece = 1 << 30
}

/// The linear operators "2^k zero bytes follow" over GF(2), as four tables of 256 entries each: one look-up per byte of
/// a checksum instead of one step per bit.
private enum ShiftTables {
    static let entriesPerPower = 4 * 256
    private static let powers = 41
    private static let reversedPolynomial: UInt32 = 0x82F6_3B78

    static let tables: [UInt32] = {
        var tables: [UInt32] = []
        tables.reserveCapacity(powers * entriesPerPower)
        // An operator is held as its images of the 32 unit vectors. First: one zero byte, that is eight zero bits.
        var images = (0..<32).map { bit in
            (0..<8).reduce(UInt32(1) << bit) { crc, _ in crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ reversedPolynomial }
        }
        for _ in 0..<powers {
            for byte in 0..<4 {
                for value in 0..<UInt32(256) { tables.append(apply(images, to: value << (8 * byte))) }
            }
            images = images.map { apply(images, to: $0) }
        }
        return tables
    }()

    private static func apply(_ images: [UInt32], to vector: UInt32) -> UInt32 {
        var result: UInt32 = 0
        var rest = vector
        while rest != 0 {
            result ^= images[rest.trailingZeroBitCount]
            rest &= rest - 1
        }
        return result
    }
}

/// The checksum of messages in formats 0 and 1: CRC-32 as gzip has it.
public enum CRC32 {
    public static func checksum(of bytes: ByteBuffer, continuing crc: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeReadableBytes { bytes in
            guard let start = bytes.baseAddress else { return crc }
            return crc32_gzip_refl(crc, start.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
        }
    }
}
