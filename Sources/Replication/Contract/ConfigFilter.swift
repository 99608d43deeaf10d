/// The settings of a source topic or group that its counterpart on the target receives.
public struct ConfigFilter {
    /// Keys that MirrorMaker 2's `DefaultConfigPropertyFilter` excludes: it speaks of one cluster's brokers, or would
    /// make the copy behave differently from what its own cluster intends.
    public static let standard: [NamePattern] = [
        #"follower\.replication\.throttled\.replicas"#, #"leader\.replication\.throttled\.replicas"#,
        #"message\.timestamp\.difference\.max\.ms"#, #"message\.timestamp\.type"#,
        #"unclean\.leader\.election\.enable"#, #"min\.insync\.replicas"#,
    ].compactMap { try? NamePattern($0) }

    private let excluded: NameSelection
    private let knownKeys: Set<String>?

    /// - Parameter knownKeys: the keys that the target knows, so that an older one is not asked for newer ones; nil
    ///   when that is not known.
    init(excluding patterns: [NamePattern], knownKeys: Set<String>? = nil) {
        excluded = NameSelection(allow: patterns, deny: [])
        self.knownKeys = knownKeys
    }

    func copies(_ name: String) -> Bool {
        !excludes(name) && knownKeys?.contains(name) ?? true
    }

    /// Tells whether only the target's age keeps the key from being copied.
    func isUnknownToTarget(_ name: String) -> Bool {
        !excludes(name) && !(knownKeys?.contains(name) ?? true)
    }

    /// Without an answer the target keeps its own value.
    private func excludes(_ name: String) -> Bool { (try? excluded.selects(name)) ?? true }
}
