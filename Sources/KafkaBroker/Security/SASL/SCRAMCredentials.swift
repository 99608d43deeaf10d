import CryptoPrimitives
import KafkaWire
import NIOCore

/// The SCRAM users of a cluster, alterable at run time.
struct SCRAMCredentials {
    private var users: [String: [SASLMechanism: SCRAMCredential]] = [:]
    private let decoySecret = [UInt8].random(count: 32)

    var userNames: [String] { users.keys.sorted() }

    func credential(_ user: String, _ mechanism: SASLMechanism) -> SCRAMCredential? {
        users[user]?[mechanism]
    }

    /// A user's credentials, in order of their mechanisms' numbers; empty for an unknown user.
    func credentials(of user: String) -> [(mechanism: SASLMechanism, credential: SCRAMCredential)] {
        (users[user] ?? [:]).map { ($0.key, $0.value) }
            .sorted { ($0.mechanism.scramNumber ?? 0) < ($1.mechanism.scramNumber ?? 0) }
    }

    /// Sets or (with nil) removes a credential.
    mutating func set(_ credential: SCRAMCredential?, _ user: String, _ mechanism: SASLMechanism) {
        users[user, default: [:]][mechanism] = credential
        if users[user]?.isEmpty == true { users[user] = nil }
    }

    /// A salt for a user that does not exist: the same each time, so that it looks like one of its own.
    func decoySalt(for user: String) -> [UInt8] {
        Array(HashAlgorithm.sha256.authenticationCode(key: decoySecret, Array(user.utf8)).prefix(16))
    }

    /// The journal's records of these users.
    var records: [ClusterRecord] {
        userNames.flatMap { user in
            credentials(of: user).map { .scram(SCRAMRecord(user, $0.mechanism, $0.credential)) }
        }
    }

    /// Takes up what an earlier run wrote down.
    mutating func restore(_ record: SCRAMRecord) {
        guard let mechanism = SASLMechanism(scramNumber: record.mechanism) else { return }
        set(record.credential, record.user, mechanism)
    }
}

/// A SCRAM credential was set, or removed when it has no iterations.
struct SCRAMRecord: JournalMessage {
    static let kind: Int16 = 20
    var user = ""
    var mechanism: Int8 = 0
    var iterations: Int32 = 0
    var salt = ByteBuffer()
    var storedKey = ByteBuffer()
    var serverKey = ByteBuffer()

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&user)
        try wire.int8(&mechanism)
        try wire.int32(&iterations)
        try wire.bytes(&salt)
        try wire.bytes(&storedKey)
        try wire.bytes(&serverKey)
    }
}

extension SCRAMRecord {
    init(_ user: String, _ mechanism: SASLMechanism, _ credential: SCRAMCredential?) {
        self.init()
        self.user = user
        self.mechanism = mechanism.scramNumber ?? 0
        guard let credential else { return }
        iterations = Int32(credential.iterations)
        salt = ByteBuffer(bytes: credential.salt)
        storedKey = ByteBuffer(bytes: credential.storedKey)
        serverKey = ByteBuffer(bytes: credential.serverKey)
    }

    fileprivate var credential: SCRAMCredential? {
        guard iterations > 0 else { return nil }
        return SCRAMCredential(
            salt: Array(salt.readableBytesView), storedKey: Array(storedKey.readableBytesView),
            serverKey: Array(serverKey.readableBytesView), iterations: Int(iterations))
    }
}
