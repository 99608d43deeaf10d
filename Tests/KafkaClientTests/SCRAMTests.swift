import CryptoPrimitives
import KafkaClient
import Testing

/// SCRAM against vectors that others computed.
@Suite struct SCRAMTests {
    /// RFC 7677, section 3.
    static func rfcClient() -> SCRAMClient {
        SCRAMClient(.sha256, username: "user", password: "pencil", nonce: "rOprNGfwEbeRWgbNEkqO")
    }
    static let rfcServerFirst =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"

    @Test func `the exchange of RFC 7677 comes out as printed there`() throws {
        var client = Self.rfcClient()

        #expect(try client.respond(to: nil) == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        #expect(
            try client.respond(to: Self.rfcServerFirst)
                == "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        )
        #expect(try client.respond(to: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") == nil)
    }

    /// Computed with Python's hashlib and hmac by the formulas of RFC 5802.
    @Test func `SHA-512 agrees with another implementation`() throws {
        var client = SCRAMClient(.sha512, username: "a=b,c", password: "pass word", nonce: "clientnonce")

        #expect(try client.respond(to: nil) == "n,,n=a=3Db=2Cc,r=clientnonce")
        #expect(
            try client.respond(to: "r=clientnonceservernonce,s=c2FsdHNhbHRzYWx0,i=8192")
                == "c=biws,r=clientnonceservernonce,p=1byI17qj4/17MyXtvHx2XiXvCvMKi5khmn4udnf29Oa1AOI6KT7jENW9rHCh+56prA7Hnmnqb1nO4B42ghM56A=="
        )
        #expect(
            try client.respond(
                to: "v=iYADxWAJtK05vtsIBM+0cqG3lV4awKzpSd6or0Lt3wkxHx0AKmRRsUBkNR5NykxTdSaAPePapBZzG6+gIwhX/w==") == nil
        )
    }

    @Test func `a broker that does not know the password is not believed`() throws {
        var client = Self.rfcClient()
        _ = try client.respond(to: nil)
        _ = try client.respond(to: Self.rfcServerFirst)

        #expect(throws: SCRAMClient.Failure.wrongServerSignature) {
            _ = try client.respond(to: "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
        }
    }

    @Test(arguments: [
        ("r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", SCRAMClient.Failure.nonceNotOurs),
        ("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", .nonceNotOurs),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1", .iterationsOutOfRange(1)),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2000000000", .iterationsOutOfRange(2_000_000_000)),
        ("r=rOprNGfwEbeRWgbNEkqOx,s=***,i=4096", .malformed("nonce, salt or iteration count is missing")),
        ("r=rOprNGfwEbeRWgbNEkqOx,i=4096", .malformed("nonce, salt or iteration count is missing")),
        ("", .malformed("nonce, salt or iteration count is missing")),
        ("e=unknown-user", .refused("unknown-user")),
        (
            "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            .malformed("it asks for an extension that is not known here")
        ),
    ])
    func `a first message that cannot be right ends the exchange`(message: String, failure: SCRAMClient.Failure) throws
    {
        var client = Self.rfcClient()
        _ = try client.respond(to: nil)
        #expect(throws: failure) { _ = try client.respond(to: message) }
    }

    @Test(arguments: [
        ("e=invalid-proof", SCRAMClient.Failure.refused("invalid-proof")), ("", .malformed("signature is missing")),
        ("v=", .wrongServerSignature), ("v=AAAA", .wrongServerSignature),
    ])
    func `a last message without the signature ends the exchange`(message: String, failure: SCRAMClient.Failure) throws
    {
        var client = Self.rfcClient()
        _ = try client.respond(to: nil)
        _ = try client.respond(to: Self.rfcServerFirst)
        #expect(throws: failure) { _ = try client.respond(to: message) }
    }

    @Test(arguments: [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")])
    func `base 64 goes both ways`(encoded: String, plain: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
    }

    @Test(arguments: ["Z", "Zg=", "Zg", "Z===", "Zm9*", "===="])
    func `other text is not base 64`(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
