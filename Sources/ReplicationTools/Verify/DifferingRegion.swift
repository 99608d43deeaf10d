internal import Replication

/// Names what differs between two short stretches that are known not to be alike.
struct DifferingRegion {
    /// Records that are the same on both sides and in the same order.
    private(set) var equal: Int64 = 0
    private(set) var differences: [Difference] = []
    /// Place in `source` of the last record that the target has, perhaps altered or elsewhere.
    private(set) var lastPairedSource: Int?

    /// - Parameter recent: records that were matched just before, in which doubled ones are recognised.
    init(source: [RecordFingerprint], target: [RecordFingerprint], recent: Set<RecordFingerprint.Content>) {
        var pairs = Self.samePairs(source, target)
        let inOrder = Self.longestRising(pairs.map(\.target))
        var matchedSource = Set<Int>()
        var matchedTarget = Set<Int>()
        for (index, pair) in pairs.enumerated() {
            matchedSource.insert(pair.source)
            matchedTarget.insert(pair.target)
            if inOrder.contains(index) {
                equal += 1
            } else {
                differences.append(
                    Difference(
                        .reordered, sourceOffset: source[pair.source].offset,
                        targetOffset: target[pair.target].offset))
            }
        }
        let lonelySource = source.indices.filter { !matchedSource.contains($0) }
        let lonelyTarget = target.indices.filter { !matchedTarget.contains($0) }
        pairs = Self.alteredPairs(lonelySource, lonelyTarget, source, target)
        for pair in pairs {
            matchedSource.insert(pair.source)
            matchedTarget.insert(pair.target)
            differences.append(
                Difference(
                    .altered, sourceOffset: source[pair.source].offset, targetOffset: target[pair.target].offset,
                    parts: source[pair.source].differences(from: target[pair.target])))
        }
        lastPairedSource = matchedSource.max()
        for index in lonelySource where !matchedSource.contains(index) {
            differences.append(Difference(.missing, sourceOffset: source[index].offset))
        }
        let known = recent.union(source.map(\.content))
        for index in lonelyTarget where !matchedTarget.contains(index) {
            let isKnown = known.contains(target[index].content)
            differences.append(Difference(isKnown ? .doubled : .extra, targetOffset: target[index].offset))
        }
    }

    private typealias Pair = (source: Int, target: Int)

    /// Each source record with the first target record of the same content that is still free.
    private static func samePairs(_ source: [RecordFingerprint], _ target: [RecordFingerprint]) -> [Pair] {
        var free: [RecordFingerprint.Content: ArraySlice<Int>] = [:]
        for (index, fingerprint) in target.enumerated() { free[fingerprint.content, default: []].append(index) }
        return source.indices.compactMap { index in
            guard let found = free[source[index].content]?.popFirst() else { return nil }
            return (index, found)
        }
    }

    /// Positions of a longest rising subsequence: what is not in it has changed its place.
    private static func longestRising(_ values: [Int]) -> Set<Int> {
        var ends: [Int] = []
        var previous = [Int?](repeating: nil, count: values.count)
        for index in values.indices {
            var low = 0
            var high = ends.count
            while low < high {
                let middle = (low + high) / 2
                if values[ends[middle]] < values[index] { low = middle + 1 } else { high = middle }
            }
            previous[index] = low > 0 ? ends[low - 1] : nil
            if low == ends.count { ends.append(index) } else { ends[low] = index }
        }
        var chosen = Set<Int>()
        var next = ends.last
        while let index = next {
            chosen.insert(index)
            next = previous[index]
        }
        return chosen
    }

    /// Records that are alike but for one or two parts: the same key, value or time in the same order.
    private static func alteredPairs(
        _ sourceIndexes: [Int], _ targetIndexes: [Int], _ source: [RecordFingerprint], _ target: [RecordFingerprint]
    ) -> [Pair] {
        var pairs: [Pair] = []
        var freeSource = sourceIndexes
        var freeTarget = targetIndexes
        for likeness in Likeness.allCases {
            var free: [Likeness.Value: ArraySlice<Int>] = [:]
            for index in freeTarget { free[likeness.value(of: target[index]), default: []].append(index) }
            var taken = Set<Int>()
            freeSource.removeAll { index in
                guard let found = free[likeness.value(of: source[index])]?.popFirst() else { return false }
                pairs.append((index, found))
                taken.insert(found)
                return true
            }
            freeTarget.removeAll { taken.contains($0) }
        }
        return pairs
    }

    /// Parts that two records must have in common to be taken for one that was altered, the most telling first.
    private enum Likeness: CaseIterable {
        case allButHeaders, allButTimestamp, allButValue, allButKey, keyAndValue

        struct Value: Hashable {
            var first: UInt64
            var second: UInt64
            var third: UInt64
        }

        func value(of fingerprint: RecordFingerprint) -> Value {
            let time = UInt64(bitPattern: fingerprint.timestamp)
            return switch self {
            case .allButHeaders: Value(first: fingerprint.key, second: fingerprint.value, third: time)
            case .allButTimestamp: Value(first: fingerprint.key, second: fingerprint.value, third: fingerprint.headers)
            case .allButValue: Value(first: fingerprint.key, second: time, third: fingerprint.headers)
            case .allButKey: Value(first: fingerprint.value, second: time, third: fingerprint.headers)
            case .keyAndValue: Value(first: fingerprint.key, second: fingerprint.value, third: 0)
            }
        }
    }
}
