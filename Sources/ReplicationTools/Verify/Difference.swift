/// One way in which a target partition is not what its source is.
public struct Difference: Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, CaseIterable, Codable {
        /// On the source only.
        case missing
        /// On the target only.
        case extra
        /// On the target once more than on the source.
        case doubled
        /// On both, with another key, value, headers or timestamp.
        case altered
        /// On both, in another order.
        case reordered
    }

    public var kind: Kind
    /// Nil for what the source does not have.
    public var sourceOffset: Int64?
    /// Nil for what the target does not have.
    public var targetOffset: Int64?
    /// For altered records: what differs.
    public var parts: [RecordPart] = []
    /// The record's key as far as it is text, at most 64 characters; nil for records without one.
    public var key: String?

    package init(
        _ kind: Kind, sourceOffset: Int64? = nil, targetOffset: Int64? = nil, parts: [RecordPart] = []
    ) {
        self.kind = kind
        self.sourceOffset = sourceOffset
        self.targetOffset = targetOffset
        self.parts = parts
    }
}

/// Counts of all differences, and the first few of each kind as examples.
public struct DifferenceTally: Hashable, Sendable, Codable {
    public struct Counts: Hashable, Sendable, Codable {
        public var missing: Int64 = 0
        public var extra: Int64 = 0
        public var doubled: Int64 = 0
        public var altered: Int64 = 0
        public var reordered: Int64 = 0

        public init() {}

        public var total: Int64 { missing + extra + doubled + altered + reordered }

        public mutating func add(_ other: DifferenceTally) {
            for kind in Difference.Kind.allCases { self[kind] += other.counts[kind] }
        }

        public internal(set) subscript(kind: Difference.Kind) -> Int64 {
            get {
                switch kind {
                case .missing: missing
                case .extra: extra
                case .doubled: doubled
                case .altered: altered
                case .reordered: reordered
                }
            }
            set {
                switch kind {
                case .missing: missing = newValue
                case .extra: extra = newValue
                case .doubled: doubled = newValue
                case .altered: altered = newValue
                case .reordered: reordered = newValue
                }
            }
        }
    }

    public private(set) var counts = Counts()
    public internal(set) var examples: [Difference] = []

    /// Examples kept of each kind.
    package static let examplesPerKind = 10

    public var total: Int64 { counts.total }

    package init() {}

    mutating func add(_ difference: Difference) {
        if counts[difference.kind] < Self.examplesPerKind { examples.append(difference) }
        counts[difference.kind] += 1
    }

    /// Takes in what was found elsewhere in the same partition.
    mutating func add(_ other: DifferenceTally) {
        for example in other.examples
        where examples.count(where: { $0.kind == example.kind }) < Self.examplesPerKind {
            examples.append(example)
        }
        counts.add(other)
    }
}
