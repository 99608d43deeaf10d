import CryptoPrimitives
import NIOCore
import Observability
import Testing

@Suite struct CredentialsTests {
    private func basic(_ text: String) -> String { "Basic \(Base64.encode(Array(text.utf8)))" }

    private let credentials = Credentials(
        users: ["ops": "s3cret", "ånn": "p:w:d", "void": ""], tokens: ["t0ken", "other", ""], anonymous: .none)

    @Test(
        arguments: [
            ("ops:s3cret", Right.act), ("ånn:p:w:d", .act),
            ("ops:s3cre", nil), ("ops:s3cret ", nil), ("ops:S3CRET", nil), ("ops:", nil), ("ops", nil), (":", nil),
            ("", nil), ("OPS:s3cret", nil), ("nobody:s3cret", nil), ("void:", nil), ("ops:t0ken", nil),
            ("ops:s3cret\0", nil),
        ] as [(String, Right?)])
    func `users act with their passwords`(text: String, right: Right?) {
        #expect(credentials.right(of: basic(text)) == right)
        #expect(credentials.right(of: basic(text).replacing("Basic", with: "bAsIc")) == right)
    }

    @Test(
        arguments: [
            ("Bearer t0ken", Right.read), ("bearer  other", .read), ("Bearer t0ken ", nil), ("Bearer ", nil),
            ("Bearer", nil), ("Bearer s3cret", nil), ("t0ken", nil), ("Digest x", nil), ("Basic ***", nil),
            ("Basic", nil), ("", nil), ("Basic t0ken, Bearer t0ken", nil),
        ] as [(String, Right?)])
    func `tokens read`(header: String, right: Right?) {
        #expect(credentials.right(of: header) == right)
    }

    @Test func `bytes that are no text are no user`() {
        #expect(credentials.right(of: "Basic " + Base64.encode([0xFF, 0x3A, 0x61])) == nil)
    }

    @Test func `nothing of them is shown`() {
        var dump = ""
        Swift.dump(credentials, to: &dump)
        for text in ["\(credentials)", String(reflecting: credentials), dump] {
            for word in ["s3cret", "t0ken", "ops"] { #expect(!text.contains(word)) }
        }
    }
}

@Suite struct FailedAttemptsTests {
    private let start = ContinuousClock.now

    private func address(_ number: Int) throws -> ClientAddress {
        ClientAddress(try SocketAddress(ipAddress: "10.0.\(number / 256).\(number % 256)", port: 1))
    }

    @Test func `the wait begins after five attempts and doubles up to a minute`() throws {
        var attempts = FailedAttempts()
        var now = start
        var waits: [Duration?] = []
        var news: [Bool] = []
        for _ in 0..<14 {
            news.append(attempts.failed(try address(1), at: now))
            let wait = attempts.wait(try address(1), at: now)
            waits.append(wait)
            now += wait ?? .zero
            #expect(attempts.wait(try address(1), at: now) == nil)
        }

        #expect(waits.prefix(4) == [nil, nil, nil, nil])
        #expect(
            waits.dropFirst(4).map { $0.map { Int($0.components.seconds) } } == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60])
        #expect(news.enumerated().filter(\.element).map(\.offset) == [0, 4])
    }

    @Test func `one address does not make another wait`() throws {
        var attempts = FailedAttempts()
        for _ in 0..<20 { _ = attempts.failed(try address(1), at: start) }

        #expect(attempts.wait(try address(1), at: start) != nil)
        #expect(attempts.wait(try address(2), at: start) == nil)
    }

    @Test func `attempts are forgotten`() throws {
        var attempts = FailedAttempts()
        for _ in 0..<20 { _ = attempts.failed(try address(1), at: start) }
        let later = start + FailedAttempts.memory + .seconds(1)

        #expect(attempts.failed(try address(1), at: later))
        #expect(attempts.wait(try address(1), at: later) == nil)
    }

    @Test func `the table does not grow`() throws {
        var attempts = FailedAttempts()
        for number in 0..<5_000 {
            _ = attempts.failed(try address(number), at: start + .milliseconds(number))
            #expect(attempts.count <= FailedAttempts.capacity)
        }
        for _ in 0..<20 { _ = attempts.failed(try address(9_000), at: start + .seconds(5)) }
        #expect(attempts.wait(try address(9_000), at: start + .seconds(5)) != nil)
    }
}

@Suite struct ClientAddressTests {
    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("::1", "::1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1", "fe80:0:0:0::/64"),
    ])
    func `an address of IPv6 stands for its network`(text: String, name: String) throws {
        #expect(ClientAddress(try SocketAddress(ipAddress: text, port: 80)).description == name)
    }

    @Test func `an address may be unknown`() { #expect(ClientAddress(nil).description == "an unknown address") }
}

@Suite struct HTTPAccessTests {
    private let hosts = RequestGuard(listeningOn: "127.0.0.1", machineName: nil, allowed: [], listKey: "k")
    private let client = ClientAddress(nil)
    private let now = ContinuousClock.now

    private func access(_ anonymous: Right?) -> HTTPAccess {
        HTTPAccess(
            HTTPAccess.Rules(
                hosts: hosts,
                credentials: anonymous.map { Credentials(users: ["ops": "pw"], tokens: ["tok"], anonymous: $0) }))
    }

    private let user = "Basic \(Base64.encode(Array("ops:pw".utf8)))"
    private let stranger = "Basic \(Base64.encode(Array("ops:no".utf8)))"
    private let challenges = ["Basic realm=\"replicator\", charset=\"UTF-8\"", "Bearer realm=\"replicator\""]

    private func decide(_ anonymous: Right?, _ authorization: String?, _ needed: Right) -> HTTPAccess.Decision {
        access(anonymous).decide(authorization: authorization, needed: needed, from: client, at: now)
    }

    @Test func `without authentication everybody may act`() {
        #expect(decide(nil, nil, .act) == .allowed(.act))
        #expect(decide(nil, stranger, .act) == .allowed(.act))
    }

    @Test func `strangers may read only where that is said`() {
        #expect(decide(Right.none, nil, .none) == .allowed(.none))
        #expect(decide(Right.none, nil, .read) == .unknown(challenges: challenges))
        #expect(decide(.read, nil, .read) == .allowed(.read))
        #expect(decide(.read, nil, .act) == .unknown(challenges: challenges))
    }

    @Test func `users act, tokens read`() {
        #expect(decide(Right.none, user, .act) == .allowed(.act))
        #expect(decide(Right.none, "Bearer tok", .read) == .allowed(.read))
        #expect(decide(Right.none, "Bearer tok", .act) == .forbidden)
        #expect(decide(.read, "Bearer tok", .act) == .forbidden)
    }

    @Test func `wrong credentials are worse than none`() {
        for needed in [Right.none, .read, .act] {
            #expect(decide(.read, stranger, needed) == .wrong(challenges: challenges, isNews: true))
        }
    }

    @Test func `after too many attempts right credentials have to wait as well`() {
        let access = access(Right.none)
        for _ in 0..<5 { _ = access.decide(authorization: stranger, needed: .read, from: client, at: now) }

        #expect(access.decide(authorization: user, needed: .read, from: client, at: now) == .wait(.seconds(1)))
        #expect(
            access.decide(authorization: user, needed: .read, from: client, at: now + .seconds(1)) == .allowed(.act))
    }

    @Test func `other rules hold from the next request on`() {
        let access = access(Right.none)
        access.replace(
            HTTPAccess.Rules(
                hosts: hosts, credentials: Credentials(users: ["ops": "new"], tokens: [], anonymous: .none)))

        #expect(
            access.decide(authorization: user, needed: .read, from: client, at: now)
                == .wrong(challenges: [challenges[0]], isNews: true))
    }

    @Test func `the page is told what a person may do`() {
        #expect(access(nil).offer(to: .act, isAnonymous: true) == "act")
        #expect(access(.read).offer(to: .read, isAnonymous: true) == "sign-in")
        #expect(access(.read).offer(to: .read, isAnonymous: false) == "read")
        #expect(access(.read).offer(to: .act, isAnonymous: false) == "act")
    }
}
