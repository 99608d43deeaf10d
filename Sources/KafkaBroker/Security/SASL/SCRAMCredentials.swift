import CryptoPrimitives
import KafkaWire
import NIOCore

/// The SCRAM users of a cluster: those that were altered through the protocol, and those of the listeners' settings.
struct SCRAMCredentials {
    private var users: [ExactName: [SASLMechanism: SCRAMCredential]] = [:]
    /// The visible parts of the altered users' credentials, and how many have it.
    private var shapes: [SASLMechanism: [SCRAMDecoys.Shape: Int]] = [:]
    /// By the listener's index and the mechanism.
    private var initial: [Int: [SASLMechanism: [ExactName: SCRAMCredential]]] = [:]
    var decoys = SCRAMDecoys(secret: .random(count: 32))

    var userNames: [String] { users.keys.map(\.text).sorted() }

    func credential(_ user: String, _ mechanism: SASLMechanism) -> SCRAMCredential? {
        users[user]?[mechanism]
    }

    /// The credential that a listener knows of a user; an altered credential comes before that of the settings. The same is computed
    /// whether or not there is such a user.
    func account(_ user: String, _ mechanism: SASLMechanism, listener: Int) -> SCRAMAccount {
        let known = initial[listener]?[mechanism] ?? [:]
        var shapes = shapes[mechanism] ?? [:]
        if !known.isEmpty { shapes[.initial, default: 0] += known.count }
        let decoy = decoys.account(user, mechanism, among: shapes)
        let found = credential(user, mechanism) ?? known[user]
        return found.map { SCRAMAccount(credential: $0, exists: true) } ?? decoy
    }

    /// Takes up the users of the listeners' settings.
    mutating func set(_ listeners: [SecuredListener]) {
        for listener in listeners {
            for (mechanism, verifier) in listener.sasl?.verifiers ?? [:] {
                guard case .scram(let passwords) = verifier, let hash = mechanism.scramHash else { continue }
                var credentials: [ExactName: SCRAMCredential] = [:]
                for (user, password) in passwords {
                    credentials[user] = SCRAMCredential(
                        hash, password: password, salt: decoys.salt(user.text, mechanism),
                        iterations: SCRAMDecoys.Shape.initial.iterations)
                }
                initial[listener.index, default: [:]][mechanism] = credentials
            }
        }
    }

    /// A user's credentials, in order of their mechanisms' numbers; empty for an unknown user.
    func credentials(of user: String) -> [(mechanism: SASLMechanism, credential: SCRAMCredential)] {
        (users[user] ?? [:]).map { ($0.key, $0.value) }
            .sorted { ($0.mechanism.scramNumber ?? 0) < ($1.mechanism.scramNumber ?? 0) }
    }

    /// Sets or (with nil) removes a credential.
    mutating func set(_ credential: SCRAMCredential?, _ user: String, _ mechanism: SASLMechanism) {
        if let former = users[user]?[mechanism] { count(former, mechanism, -1) }
        if let credential { count(credential, mechanism, 1) }
        users[user, default: [:]][mechanism] = credential
        if users[user]?.isEmpty == true { users[user] = nil }
    }

    private mutating func count(_ credential: SCRAMCredential, _ mechanism: SASLMechanism, _ change: Int) {
        let shape = SCRAMDecoys.Shape(credential)
        let number = (shapes[mechanism]?[shape] ?? 0) + change
        shapes[mechanism, default: [:]][shape] = number > 0 ? number : nil
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
