package import Replication

/// A part of a record that must arrive unchanged.
public enum RecordPart: String, Hashable, Sendable, CaseIterable, Codable {
    case key, value, headers, timestamp
    /// Its place in the log, where copies keep it.
    case offset
}

extension RecordFingerprint {
    /// The parts in which two records differ.
    package func differences(from other: RecordFingerprint) -> [RecordPart] {
        var parts: [RecordPart] = []
        if key != other.key { parts.append(.key) }
        if value != other.value { parts.append(.value) }
        if headers != other.headers { parts.append(.headers) }
        if timestamp != other.timestamp { parts.append(.timestamp) }
        return parts
    }
}
