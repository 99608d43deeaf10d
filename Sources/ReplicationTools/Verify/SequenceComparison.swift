internal import DequeModule
package import Replication

/// Compares two long sequences of records of which one should be a copy of the other, in bounded memory.
///
/// While the fronts are equal they fall away. Where they differ, the comparison looks ahead, further each time, for the
/// nearest place from which both continue alike, and names what lies in front of it:
///
/// ```
///   source   a b c d e f g          b altered, d missing:
///   target   a b'c   e f g          both continue alike from c, then from e
/// ```
///
/// Pure: fingerprints come in through ``add(source:)`` and ``add(target:)``, what is needed next is asked for through
/// ``advance(sourceHasEnded:targetHasEnded:)``.
package struct SequenceComparison: Sendable {
    /// Input that the comparison needs to continue.
    package enum Need: Hashable, Sendable {
        case source, target
        /// Both sequences have been compared to their ends.
        case nothing
    }

    /// Sides on which further records at the beginning are no difference: the flow began later, or the other side's
    /// retention has removed them.
    package struct LeadingAllowance: Hashable, Sendable {
        package var source = false
        package var target = false

        package init(source: Bool = false, target: Bool = false) {
            self.source = source
            self.target = target
        }
    }

    package private(set) var equal: Int64 = 0
    package private(set) var tally = DifferenceTally()
    /// Records at the beginning that the allowance covers, on either side.
    package private(set) var leading: (source: Int64, target: Int64) = (0, 0)

    private var source: Deque<RecordFingerprint> = []
    private var target: Deque<RecordFingerprint> = []
    private var recent: Deque<RecordFingerprint.Content> = []
    private let allowance: LeadingAllowance
    private let horizons: [Int]
    /// From this target offset on, what the source does not have is not judged: it may come from behind the snapshot.
    package var openEnd: Int64 = .max
    /// True if each difference is also kept until ``takeFindings()`` asks for it.
    package var keepsFindings = false
    private var findings: [Difference] = []

    /// Records that must be alike behind a place before it counts as one where both continue.
    private static let confirmation = 4
    /// Records matched last, in which a doubled one is recognised.
    private static let memory = 1024

    /// - Parameter horizon: records to look ahead at most, on each side.
    package init(allowance: LeadingAllowance = LeadingAllowance(), horizon: Int = 65_536) {
        self.allowance = allowance
        horizons = [64, 1024].filter { $0 < horizon } + [horizon]
    }

    /// Nothing waits to be compared: both sides are at the same place.
    package var isLevel: Bool { source.isEmpty && target.isEmpty }

    /// The first source record that has not been found on the target; nil when all have.
    package var firstWaitingSource: Int64? { source.first?.offset }

    /// True if target records wait that have not been found at the source.
    package var isTargetWaiting: Bool { !target.isEmpty }

    /// Differences named since the last time.
    package mutating func takeFindings() -> [Difference] {
        defer { findings.removeAll() }
        return findings
    }

    package mutating func add(source fingerprint: RecordFingerprint) { source.append(fingerprint) }
    package mutating func add(target fingerprint: RecordFingerprint) { target.append(fingerprint) }

    /// Counts records as equal that were compared as a whole, while the comparison is level.
    package mutating func addEqual(_ count: Int64) { equal += count }

    /// Makes known what was compared as a whole, so that it is recognised when it comes again.
    package mutating func remember(_ fingerprint: RecordFingerprint) {
        recent.append(fingerprint.content)
        if recent.count > Self.memory { recent.removeFirst() }
    }

    /// Compares as far as what has been added allows.
    package mutating func advance(sourceHasEnded: Bool, targetHasEnded: Bool) -> Need {
        while true {
            matchFronts()
            if source.isEmpty, target.isEmpty {
                return sourceHasEnded ? (targetHasEnded ? .nothing : .target) : .source
            }
            if source.isEmpty || target.isEmpty {
                if source.isEmpty, !sourceHasEnded { return .source }
                if target.isEmpty, !targetHasEnded { return .target }
                name(sourceCount: source.count, targetCount: target.count)
                continue
            }
            if let need = lookAhead(sourceHasEnded, targetHasEnded) { return need }
        }
    }

    /// Names what the target's records that wait are, once no others are to be waited for. What the source has behind
    /// them may be on its way, and continues to wait.
    package mutating func confirmMatches() {
        let region = DifferingRegion(source: Array(source), target: Array(target), recent: [])
        name(sourceCount: region.lastPairedSource.map { $0 + 1 } ?? 0, targetCount: target.count)
    }

    private mutating func matchFronts() {
        while let first = source.first, let second = target.first, first.hasContent(of: second) {
            source.removeFirst()
            target.removeFirst()
            equal += 1
            remember(first)
        }
    }

    /// - Returns: what has to be read before more can be said; nil once something was named.
    private mutating func lookAhead(_ sourceHasEnded: Bool, _ targetHasEnded: Bool) -> Need? {
        for horizon in horizons {
            // As far as the confirmation behind the last place looked at.
            let wanted = horizon + Self.confirmation
            if source.count < wanted, !sourceHasEnded { return .source }
            if target.count < wanted, !targetHasEnded { return .target }
            if let place = nextCommonPlace(within: horizon) {
                name(sourceCount: place.source, targetCount: place.target)
                return nil
            }
            if source.count <= horizon, target.count <= horizon { break }
        }
        giveUpHorizon()
        return nil
    }

    /// The nearest pair of positions from which both sequences are alike.
    private func nextCommonPlace(within horizon: Int) -> (source: Int, target: Int)? {
        var positions: [RecordFingerprint.Content: [Int]] = [:]
        for index in 0..<min(horizon, target.count) {
            positions[target[index].content, default: []].append(index)
        }
        var best: (source: Int, target: Int)?
        for index in 0..<min(horizon, source.count) {
            let limit = best.map { $0.source + $0.target } ?? .max
            if index >= limit { break }
            for candidate in positions[source[index].content] ?? [] {
                if index + candidate >= limit { break }
                if goesOnAlike(index, candidate) {
                    best = (index, candidate)
                    break
                }
            }
        }
        return best
    }

    private func goesOnAlike(_ first: Int, _ second: Int) -> Bool {
        for step in 1..<Self.confirmation {
            let isBeyond = (source: first + step >= source.count, target: second + step >= target.count)
            if isBeyond.source || isBeyond.target { return isBeyond.source && isBeyond.target }
            guard source[first + step].hasContent(of: target[second + step]) else { return false }
        }
        return true
    }

    /// Nothing within the horizon fits together. The side that an allowance covers gives way, else both.
    private mutating func giveUpHorizon() {
        let horizon = horizons.last ?? 1
        let isLeading = equal == 0
        if isLeading, allowance.source {
            name(sourceCount: min(horizon, source.count), targetCount: 0)
        } else if isLeading, allowance.target {
            name(sourceCount: 0, targetCount: min(horizon, target.count))
        } else {
            name(sourceCount: min(horizon, source.count), targetCount: min(horizon, target.count))
        }
    }

    /// Names the differences in the first `sourceCount` and `targetCount` records, and takes them away.
    private mutating func name(sourceCount: Int, targetCount: Int) {
        let ours = Array(source.prefix(sourceCount))
        let theirs = Array(target.prefix(targetCount))
        source.removeFirst(sourceCount)
        target.removeFirst(targetCount)
        if equal == 0, theirs.isEmpty, allowance.source {
            leading.source += Int64(ours.count)
            return
        }
        if equal == 0, ours.isEmpty, allowance.target {
            leading.target += Int64(theirs.count)
            return
        }
        let region = DifferingRegion(source: ours, target: theirs, recent: Set(recent))
        equal += region.equal
        for difference in region.differences where isJudged(difference) {
            tally.add(difference)
            if keepsFindings { findings.append(difference) }
        }
        for fingerprint in ours { remember(fingerprint) }
    }

    private func isJudged(_ difference: Difference) -> Bool {
        guard difference.sourceOffset == nil, let offset = difference.targetOffset else { return true }
        return offset < openEnd
    }
}
