package import Replication

/// Place of a source partition's records among those of a copy that another program has made, found by content and order
/// alone.
///
/// ```
///   source   a b c d e f g h │ i j k        adopted behind h
///   target   b c d ▒ e f e f g h ▒          ▒ record of others; e and f are doubled, a was never copied
/// ```
///
/// A source record that differs from all others in the window is an anchor: wherever it lies on the target, that is its
/// copy. From anchors the alignment extends over records that have equals, as long as both sides are alike in order. What
/// it reaches from two sides with different results stays undecided.
///
/// ``position`` lies behind the last source record that has a copy. It is claimed only where that follows: from what is
/// unique within the window around it, and when nothing at the target's end can be the copy of a record behind it.
package struct CopyAlignment: Hashable, Sendable {
    /// Source offset behind the last record that the target has.
    package private(set) var position: Int64
    /// Source offset of the first record whose copy is known.
    package private(set) var start: Int64
    package private(set) var map: OffsetMap
    /// Parts of records that were evidence.
    package private(set) var traits: CopyTraits
    /// Source records from ``start`` on that have a copy for certain.
    package private(set) var matched = 0
    /// Records among them that are unique within the window.
    package private(set) var unique = 0
    /// Source records behind ``start`` without a copy.
    package private(set) var missing = OffsetRuns()
    /// Target records that are the further copy of a record that has one already.
    package private(set) var doubled = 0
    package private(set) var doubledExamples: [Int64] = []
    /// Target records behind the first known copy that no source record in the window is like.
    package private(set) var others = 0
    /// Source records between ``start`` and ``position`` of which it is not known which copy is theirs.
    package private(set) var undecided = 0

    /// Offsets kept as examples.
    package static let mostExamples = 1_000
    /// Weight that unique records in front of the position must have together.
    fileprivate static let needed = 8

    /// Reason why a position cannot be claimed.
    package enum Doubt: Error, Hashable, Sendable {
        /// No source record in the window is on the target.
        case nothingAlike
        /// Records are alike, and none of them is unique.
        case nothingUnique
        /// Too few unique records lie in front of the position, which would be this one.
        case tooFew(unique: Int, position: Int64)
        /// The record at the end of the target may be the copy of a source record behind the position, which would be
        /// this one.
        case ambiguousEnd(target: Int64, position: Int64)
        /// The record at the end of the target has key and value of a source record behind the position, and another
        /// timestamp or other headers.
        case alteredEnd(target: Int64, position: Int64)
    }

    /// - Parameter stampsRecords: whether the target has given records its own timestamps.
    package static func find(
        source: CopyWindow, target: CopyWindow, stampsRecords: Bool
    ) -> Result<CopyAlignment, Doubt> {
        let levels = CopyTraits.levels(source.records, target.records, stampsRecords: stampsRecords)
        var doubt: Doubt?
        for traits in levels {
            var search = CopySearch(source: source, target: target, traits: traits)
            do throws(Doubt) {
                return .success(CopyAlignment(try search.run(), traits))
            } catch {
                doubt = doubt ?? error
            }
        }
        return .failure(doubt ?? .nothingAlike)
    }

    /// Milliseconds by which clocks may differ where the target's timestamps are its own.
    private static let clockTolerance: Int64 = 600_000

    /// The time before which no record on the target is the copy of one behind the position; nil where the source has none
    /// there. A copy has its original's timestamp, or that of when it was made, which is later.
    package func earliestCopyBehind(_ source: CopyWindow) -> Int64? {
        source.records.lazy.filter { $0.offset >= position }.map(\.timestamp).min()
            .map { traits.timestamps ? $0 : $0 - Self.clockTolerance }
    }

    fileprivate init(_ found: CopySearch.Finding, _ traits: CopyTraits) {
        position = found.position
        // Of too many ranges of which nothing is known the map gives the older ones up.
        start = found.map.start
        map = found.map
        self.traits = traits
        matched = found.matched
        unique = found.unique
        missing = found.missing
        doubled = found.doubled.count
        doubledExamples = found.doubled.examples
        others = found.others
        undecided = found.undecided
    }
}

/// Count of records, and the offsets of the first of them.
private struct Counted: Hashable, Sendable {
    var count = 0
    var examples: [Int64] = []

    mutating func add(_ offset: Int64) {
        count += 1
        if examples.count < CopyAlignment.mostExamples { examples.append(offset) }
    }
}

// Parts that are evidence.

extension CopyTraits {
    /// Sets of parts to go by, the most telling first.
    ///
    /// Timestamps and headers count where copies have kept them: that shows in pairs of records that are the same without
    /// doubt.
    fileprivate static func levels(
        _ source: [CopyEvidence], _ target: [CopyEvidence], stampsRecords: Bool
    ) -> [CopyTraits] {
        let plain = pairs(source, target, CopyTraits(timestamps: false, headers: false))
        guard !stampsRecords else { return [CopyTraits(timestamps: false, headers: plain.keepsHeaders)] }
        let timed = pairs(source, target, CopyTraits(timestamps: true, headers: false))
        let withoutTime = CopyTraits(timestamps: false, headers: plain.keepsHeaders)
        guard timed.alike > 0 else { return [withoutTime] }
        let withTime = CopyTraits(timestamps: true, headers: timed.keepsHeaders)
        // Where most that are alike have another timestamp, those with the same have it by chance.
        return timed.alike * 2 >= plain.alike ? [withTime] : [withTime, withoutTime]
    }

    /// - Returns: target records that are like any of the source, and whether those that are like exactly one have its
    ///   headers.
    private static func pairs(
        _ source: [CopyEvidence], _ target: [CopyEvidence], _ traits: CopyTraits
    ) -> (alike: Int, keepsHeaders: Bool) {
        var places: [UInt64: Int] = [:]
        places.reserveCapacity(source.count)
        for (index, record) in source.enumerated() {
            let identity = traits.identity(of: record)
            places[identity] = places[identity] == nil ? index : -1
        }
        var alike = 0
        var keepsHeaders = true
        for record in target {
            guard let place = places[traits.identity(of: record)] else { continue }
            alike += 1
            if place >= 0, source[place].headers != record.headers { keepsHeaders = false }
        }
        return (alike, keepsHeaders)
    }
}

/// The search for one set of parts.
private struct CopySearch {
    struct Finding {
        var position: Int64
        var map = OffsetMap(start: 0)
        var matched = 0
        var unique = 0
        var missing = OffsetRuns()
        var doubled = Counted()
        var others = 0
        var undecided = 0
    }

    private let source: CopyWindow
    private let target: CopyWindow
    private let traits: CopyTraits
    /// Identity of each record of the source.
    private let ours: [UInt64]
    /// Place at the source by identity: -1 where several records have it.
    private var places: [UInt64: Int] = [:]
    /// Target records that are like some of the source, by their index.
    private var alike: [Int] = []
    /// Identity of each of those.
    private var theirs: [UInt64] = []
    /// Source record of each of those: ``none``, or ``undecided``, where it is not known.
    private var assigned: [Int] = []
    /// The same before those were taken away that are not certain: they may be copies.
    private var claimed: [Int] = []

    private static let none = -1

    init(source: CopyWindow, target: CopyWindow, traits: CopyTraits) {
        self.source = source
        self.target = target
        self.traits = traits
        ours = source.records.map { traits.identity(of: $0) }
    }

    mutating func run() throws(CopyAlignment.Doubt) -> Finding {
        index()
        guard !alike.isEmpty else { throw .nothingAlike }
        assign()
        let newest = assigned.max() ?? Self.none
        guard newest >= 0 else { throw .nothingUnique }
        claimed = assigned
        let unique = trust()
        guard let last = assigned.max(), last >= 0 else {
            throw .tooFew(unique: unique, position: source.records[newest].offset + 1)
        }
        try checkEnd(last)
        return finding(last)
    }

    private mutating func index() {
        places.reserveCapacity(ours.count)
        for (index, identity) in ours.enumerated() {
            places[identity] = places[identity] == nil ? index : -1
        }
        for (index, record) in target.records.enumerated() {
            let identity = traits.identity(of: record)
            guard places[identity] != nil else { continue }
            alike.append(index)
            theirs.append(identity)
        }
    }

    private func isUnique(_ place: Int) -> Bool { places[ours[place]] == place }

    /// Gives each target record that is alike its source record, where only one can be meant.
    private mutating func assign() {
        var forward = theirs.map { places[$0] ?? Self.none }
        var backward = forward
        for index in forward.indices.dropFirst() where forward[index] < 0 && forward[index - 1] >= 0 {
            let next = forward[index - 1] + 1
            if next < ours.count, ours[next] == theirs[index] { forward[index] = next }
        }
        for index in backward.indices.dropLast().reversed() where backward[index] < 0 && backward[index + 1] > 0 {
            let previous = backward[index + 1] - 1
            if ours[previous] == theirs[index] { backward[index] = previous }
        }
        assigned = zip(forward, backward).map { forward, backward in
            if forward == backward || backward < 0 { return forward }
            return forward < 0 ? backward : Self.none
        }
    }

    // Certainty

    /// Takes away what was assigned on too little evidence: what is unique within the window may have had equals before it.
    /// Records that lie side by side on both sides vouch for each other.
    ///
    /// - Returns: the most unique records that were side by side.
    private mutating func trust() -> Int {
        // Of a source that has lost nothing every record is known: what is like one of them is its copy.
        guard !source.isWhole || source.hasLost else { return 0 }
        let recurring = timestampsThatRecur()
        var isCovered = [Bool](repeating: false, count: ours.count)
        var isLinked = [Bool](repeating: false, count: ours.count)
        for (index, place) in assigned.enumerated() where place >= 0 {
            isCovered[place] = true
            if index + 1 < assigned.count, assigned[index + 1] == place + 1 { isLinked[place] = true }
        }
        var isTrusted = [Bool](repeating: false, count: ours.count)
        var most = 0
        var first = 0
        while first < ours.count {
            var (weight, unique, end) = (0, 0, first)
            repeat {
                if isCovered[end], isUnique(end) {
                    unique += 1
                    weight += weightOf(end, recurring)
                }
                end += 1
            } while end < ours.count && isLinked[end - 1]
            most = max(most, unique)
            if weight >= CopyAlignment.needed {
                for place in first..<end { isTrusted[place] = true }
            }
            first = end
        }
        assigned = assigned.map { $0 >= 0 && isTrusted[$0] ? $0 : Self.none }
        return most
    }

    /// A time of its own, in order among its neighbours', says enough: an equal that came before would have had another.
    private func weightOf(_ place: Int, _ recurring: Set<Int64>) -> Int {
        guard traits.timestamps else { return 1 }
        let records = source.records
        let time = records[place].timestamp
        guard records.count > 1 else { return 1 }
        let isInOrder =
            (place == 0 || records[place - 1].timestamp <= time)
            && (place + 1 == records.count || records[place + 1].timestamp >= time)
        return recurring.contains(time) ? 1 : isInOrder ? CopyAlignment.needed : 2
    }

    private func timestampsThatRecur() -> Set<Int64> {
        guard traits.timestamps else { return [] }
        var seen: Set<Int64> = []
        var recurring: Set<Int64> = []
        for record in source.records where !seen.insert(record.timestamp).inserted {
            recurring.insert(record.timestamp)
        }
        return recurring
    }

    /// Nothing behind the last copy may be the copy of a record behind the position.
    private func checkEnd(_ last: Int) throws(CopyAlignment.Doubt) {
        let position = source.records[last].offset + 1
        let newest = assigned.lastIndex(of: last) ?? 0
        // Among copies that are certain, one that is not may be that of a later record all the same.
        if let first = assigned.firstIndex(where: { $0 >= 0 }),
            let doubtful = claimed.indices[first...].first(where: { claimed[$0] > last })
        {
            throw .ambiguousEnd(target: target.records[alike[doubtful]].offset, position: position)
        }
        // Reached by order alone, and then there are more of its kind than the source has: some of them are doubled.
        if !isUnique(last), let surplus = assigned.indices[newest...].first(where: { assigned[$0] < 0 }) {
            throw .ambiguousEnd(target: target.records[alike[surplus]].offset, position: position)
        }
        let behind = ours[(last + 1)...]
        guard !behind.isEmpty else { return }
        // A log that has lost its beginning may begin with what came before a run that was done again. Where the source
        // does not show what it has lost, such records are thought to be copies of that.
        let first = source.isWhole && !source.hasLost ? assigned.firstIndex { $0 >= 0 } ?? 0 : 0
        let open = assigned.indices.filter { ($0 > newest || $0 < first) && assigned[$0] < 0 }
        if !open.isEmpty {
            let possible = Set(behind)
            if let first = open.first(where: { possible.contains(theirs[$0]) }) {
                throw .ambiguousEnd(target: target.records[alike[first]].offset, position: position)
            }
        }
        guard traits.timestamps || traits.headers else { return }
        let strangers = target.records[alike[newest]...].filter { places[traits.identity(of: $0)] == nil }
        guard !strangers.isEmpty else { return }
        let contents = Set(source.records[(last + 1)...].map(\.content))
        if let first = strangers.first(where: { contents.contains($0.content) }) {
            throw .alteredEnd(target: first.offset, position: position)
        }
    }

    // Findings

    private func finding(_ last: Int) -> Finding {
        let copies = copies(last)
        let (chain, disordered) = chain(last, copies)
        let first = chain.firstIndex { $0 >= 0 } ?? last
        let open = Set(assigned.indices.filter { assigned[$0] < 0 }.map { theirs[$0] })
        let altered = altered()
        var found = Finding(position: source.records[last].offset + 1)
        var map = GrowingMap(start: source.records[first].offset)
        for place in first...last {
            let offset = source.records[place].offset
            if chain[place] >= 0 {
                found.matched += 1
                if isUnique(place) { found.unique += 1 }
                map.copy(offset, at: target.records[chain[place]].offset)
            } else if disordered.contains(place) || open.contains(ours[place])
                || altered.contains(source.records[place].content)
            {
                found.undecided += 1
                map.lose(offset)
            } else {
                found.missing.add(offset, at: place)
                // Its copy may lie before what was looked at, and then whoever reads on from a later copy misses it.
                if !target.isWhole { map = GrowingMap(start: offset + 1) }
            }
        }
        found.map = map.finished(at: found.position)
        count(&found, copies, firstCopy: chain[first])
        return found
    }

    /// Target records of each source record, by their indices, in order: where the list of each begins, and the lists.
    private func copies(_ last: Int) -> (begins: [Int], lists: [Int]) {
        var begins = [Int](repeating: 0, count: last + 2)
        for place in assigned where place >= 0 { begins[place + 1] += 1 }
        for place in 0...last { begins[place + 1] += begins[place] }
        var next = begins
        var lists = [Int](repeating: 0, count: begins[last + 1])
        for (index, place) in assigned.enumerated() where place >= 0 {
            lists[next[place]] = alike[index]
            next[place] += 1
        }
        return (begins, lists)
    }

    /// Copy of each source record, -1 for none, so that behind the copy of a record lies one of each that follows: whoever
    /// continues there misses nothing. Of several the last.
    ///
    /// - Returns: also those whose copies all lie behind one of a later record.
    private func chain(_ last: Int, _ copies: (begins: [Int], lists: [Int])) -> ([Int], disordered: Set<Int>) {
        var chain = [Int](repeating: -1, count: last + 1)
        var disordered: Set<Int> = []
        let doubtful = doubtful()
        var limit = Int.max
        for place in (0...last).reversed() {
            let range = copies.begins[place]..<copies.begins[place + 1]
            guard !range.isEmpty else {
                // It may be a copy, and then whoever continues behind it misses the record.
                if let copy = doubtful[place]?.last(where: { $0 < limit }) { limit = copy }
                continue
            }
            if let index = range.last(where: { copies.lists[$0] < limit }) {
                chain[place] = copies.lists[index]
                limit = chain[place]
            } else {
                disordered.insert(place)
            }
        }
        return (chain, disordered)
    }

    /// Target records, by their indices, that may be copies of a source record and are not certain to be.
    private func doubtful() -> [Int: [Int]] {
        guard claimed != assigned else { return [:] }
        var found: [Int: [Int]] = [:]
        for (index, place) in claimed.enumerated() where place >= 0 && assigned[index] < 0 {
            found[place, default: []].append(alike[index])
        }
        return found
    }

    /// Key and value of the target's records that are like none of the source in everything: they may be copies with another
    /// timestamp or other headers.
    private func altered() -> Set<UInt64> {
        guard traits.timestamps || traits.headers else { return [] }
        return Set(target.records.filter { places[traits.identity(of: $0)] == nil }.map(\.content))
    }

    private func count(_ found: inout Finding, _ copies: (begins: [Int], lists: [Int]), firstCopy: Int) {
        var isFirst = [Bool](repeating: true, count: copies.begins.count)
        for (index, place) in assigned.enumerated() where place >= 0 {
            if !isFirst[place] { found.doubled.add(target.records[alike[index]].offset) }
            isFirst[place] = false
        }
        found.others =
            target.records[firstCopy...].count { places[traits.identity(of: $0)] == nil }
    }
}

/// An offset map that takes records one by one, in the source's order.
private struct GrowingMap {
    private var map: OffsetMap
    /// Copies that lie side by side, not in the map yet.
    private var stretch: (source: Range<Int64>, target: Int64)?
    /// Records of which nothing is known, not in the map yet.
    private var unknown: Range<Int64>?

    init(start: Int64) {
        map = OffsetMap(start: start)
    }

    mutating func copy(_ source: Int64, at target: Int64) {
        if let open = stretch, unknown == nil, source == open.source.upperBound,
            target == open.target + Int64(open.source.count)
        {
            stretch = (open.source.lowerBound..<source + 1, open.target)
            return
        }
        close()
        stretch = (source..<source + 1, target)
    }

    mutating func lose(_ source: Int64) {
        if let open = unknown {
            unknown = open.lowerBound..<source + 1
        } else {
            close()
            unknown = source..<source + 1
        }
    }

    private mutating func close() {
        if let open = stretch { map.append(SourceRuns(open.source), at: open.target) }
        if let open = unknown {
            map.pass(open.lowerBound)
            map.lose(upTo: open.upperBound)
        }
        stretch = nil
        unknown = nil
    }

    func finished(at position: Int64) -> OffsetMap {
        var done = self
        done.close()
        done.map.pass(position)
        return done.map
    }
}
