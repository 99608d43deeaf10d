/// Parts by member, each member's sorted by weight: given out to those who have the least, and moved between them.
struct PartDivision {
    struct Weighted {
        var part: FlowPart
        var weight: Double
        /// The rack where the part is best read, where that is known.
        var rack: String?
    }

    private var byMember: [[Weighted]]
    private var loads: [Double]
    private let racks: [String?]
    private var isSorted = false

    /// Deviation from the mean from which on parts are moved, and down to which, as shares of the mean.
    private static let begins = 0.15
    private static let ends = 0.05
    /// Part of a gap that one move may carry over: the gap becomes a fifth narrower at least.
    private static let largestShare = 0.9
    /// Neighbours of the best weight among which a part of the right rack is looked for.
    private static let window = 8

    /// - Parameter racks: of each member.
    init(racks: [String?]) {
        self.racks = racks
        byMember = Array(repeating: [], count: racks.count)
        loads = Array(repeating: 0, count: racks.count)
    }

    func parts(of member: Int) -> some Sequence<FlowPart> { byMember[member].lazy.map(\.part) }

    mutating func give(_ weighted: Weighted, to member: Int) {
        byMember[member].append(weighted)
        loads[member] += weighted.weight
        isSorted = false
    }

    /// Gives out what nobody has, the heaviest first: each to the member with the least, or to one of its rack that has
    /// hardly more.
    mutating func distribute(_ free: [Weighted]) {
        for weighted in free.sorted(by: { Self.comes($1, before: $0) }) {
            let least = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
            let near = loads.indices.filter {
                weighted.rack != nil && racks[$0] == weighted.rack && loads[$0] <= loads[least] + weighted.weight
            }
            give(weighted, to: near.min { (loads[$0], $0) < (loads[$1], $1) } ?? least)
        }
    }

    /// Moves parts from the most to the least loaded, as long as that brings both nearer to the mean.
    mutating func balance() {
        let mean = loads.reduce(0, +) / Double(max(1, loads.count))
        guard loads.count > 1, mean > 0, loads.contains(where: { abs($0 - mean) > Self.begins * mean }) else { return }
        sort()
        // Members that have nothing which would help are left alone.
        var members = Set(loads.indices)
        // Each move narrows a gap; more of them than parts would go in circles.
        for _ in 0..<byMember.reduce(0, { $0 + $1.count }) {
            let ordered = members.sorted { (loads[$0], $0) < (loads[$1], $1) }
            guard let least = ordered.first, let most = ordered.last,
                loads[most] - loads[least] > Self.ends * mean
            else { return }
            if !move(from: most, to: least) { members.remove(most) }
        }
    }

    /// Moves the part that brings two members closest together, if any brings them closer.
    private mutating func move(from giver: Int, to taker: Int) -> Bool {
        let gap = loads[giver] - loads[taker]
        // A weight near the whole gap would hardly do more than change who has more.
        let end = Self.firstIndex(in: byMember[giver]) { $0.weight >= Self.largestShare * gap }
        guard end > 0 else { return false }
        let half = Self.firstIndex(in: byMember[giver]) { $0.weight >= gap / 2 }
        let best = bestIndex(of: giver, half: half, end: end, gap: gap, for: racks[taker])
        let moved = byMember[giver].remove(at: best)
        loads[giver] -= moved.weight
        loads[taker] += moved.weight
        let place = Self.firstIndex(in: byMember[taker]) { Self.comes(moved, before: $0) }
        byMember[taker].insert(moved, at: place)
        return true
    }

    /// The part nearest to half the gap; of those about as near one of the taker's rack.
    private func bestIndex(of giver: Int, half: Int, end: Int, gap: Double, for rack: String?) -> Int {
        let weight = { (index: Int) in byMember[giver][index].weight }
        var best = min(half, end - 1)
        if best > 0, gap / 2 - weight(best - 1) < abs(weight(best) - gap / 2) { best -= 1 }
        guard let rack, rack != racks[giver] else { return best }
        let near = max(0, best - Self.window)...min(end - 1, best + Self.window)
        return near.first {
            byMember[giver][$0].rack == rack && abs(weight($0) - weight(best)) <= 0.2 * gap
        } ?? best
    }

    private mutating func sort() {
        guard !isSorted else { return }
        isSorted = true
        for member in byMember.indices { byMember[member].sort(by: Self.comes(_:before:)) }
    }

    private static func comes(_ left: Weighted, before right: Weighted) -> Bool {
        (left.weight, left.part) < (right.weight, right.part)
    }

    /// Index of the first element that meets a condition which all behind it meet too.
    private static func firstIndex(in elements: [Weighted], where isMet: (Weighted) -> Bool) -> Int {
        var (low, high) = (0, elements.count)
        while low < high {
            let middle = (low + high) / 2
            if isMet(elements[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
