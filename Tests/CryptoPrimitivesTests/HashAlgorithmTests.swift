import CryptoPrimitives
import Testing

/// Digests, message authentication and key stretching against vectors that others have published.
@Suite struct HashAlgorithmTests {
    /// FIPS 180-4, as printed in NIST's examples for the one-block message "abc", and for no message at all.
    @Test(arguments: [
        (HashAlgorithm.sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (.sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (
            .sha512, "abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
    ])
    func `digests are those of FIPS 180-4`(algorithm: HashAlgorithm, message: String, digest: String) {
        #expect(algorithm.digest(Array(message.utf8)).hexadecimal == digest)
        #expect(algorithm.byteCount * 2 == digest.count)
    }

    /// RFC 4231, test case 2.
    @Test func `HMAC is that of RFC 4231`() {
        let (key, message) = (Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
        #expect(
            HashAlgorithm.sha256.authenticationCode(key: key, message).hexadecimal
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            HashAlgorithm.sha512.authenticationCode(key: key, message).hexadecimal
                == "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        )
    }

    /// RFC 7677, section 3: salted password of the user "pencil".
    @Test func `stretching is PBKDF2`() {
        let salted = HashAlgorithm.sha256.stretch(
            password: Array("pencil".utf8), salt: Base64.decode("W22ZaJ0SNY7soEsUEjb6gQ==") ?? [], iterations: 4096)
        let serverKey = HashAlgorithm.sha256.authenticationCode(key: salted, Array("Server Key".utf8))
        let exchanged =
            "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            + "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
        let signature = HashAlgorithm.sha256.authenticationCode(key: serverKey, Array(exchanged.utf8))
        #expect(Base64.encode(signature) == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    }

    /// RFC 7914, section 11.
    @Test func `stretching is that of RFC 7914`() {
        let stretched = HashAlgorithm.sha256.stretch(
            password: Array("passwd".utf8), salt: Array("salt".utf8), iterations: 1)
        #expect(stretched.hexadecimal == "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc")
    }

    @Test func `comparison is that of the bytes`() {
        #expect([1, 2, 3].equalsInConstantTime([1, 2, 3]))
        #expect(![1, 2, 3].equalsInConstantTime([1, 2, 4]))
        #expect(![1, 2, 3].equalsInConstantTime([1, 2]))
        #expect([UInt8]().equalsInConstantTime([]))
    }

    @Test func `random bytes have the length that was asked for, and differ`() {
        #expect([UInt8].random(count: 24).count == 24)
        #expect([UInt8].random(count: 24) != .random(count: 24))
    }
}
