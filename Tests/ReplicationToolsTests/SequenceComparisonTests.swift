import KafkaWire
import Replication
import ReplicationTools
import TestSupport
import Testing

@Suite(.printsSeed) struct SequenceComparisonTests {
    /// A record whose key, value, headers and time all follow from one number.
    private static func print(_ number: Int, at offset: Int) -> RecordFingerprint {
        let hash = UInt64(number + 1000)
        return RecordFingerprint(
            offset: Int64(offset), key: hash, value: hash &* 31, headers: 0, timestamp: Int64(number) * 10)
    }

    private static func prints(_ numbers: some Sequence<Int>) -> [RecordFingerprint] {
        numbers.enumerated().map { print($0.element, at: $0.offset) }
    }

    /// Compares two sequences whose records come in pieces of `step`, only as they are asked for.
    private static func compare(
        _ source: [RecordFingerprint], _ target: [RecordFingerprint], step: Int = 7, horizon: Int = 512,
        allowance: SequenceComparison.LeadingAllowance = .init()
    ) -> SequenceComparison {
        var comparison = SequenceComparison(allowance: allowance, horizon: horizon)
        var ours = source[...]
        var theirs = target[...]
        while true {
            switch comparison.advance(sourceHasEnded: ours.isEmpty, targetHasEnded: theirs.isEmpty) {
            case .nothing: return comparison
            case .source:
                for print in ours.prefix(step) { comparison.add(source: print) }
                ours = ours.dropFirst(step)
            case .target:
                for print in theirs.prefix(step) { comparison.add(target: print) }
                theirs = theirs.dropFirst(step)
            }
        }
    }

    private static let thousand = prints(0..<1000)

    @Test func `the same records are the same`() {
        let comparison = Self.compare(Self.thousand, Self.thousand)

        #expect(comparison.equal == 1000)
        #expect(comparison.tally.total == 0)
    }

    @Test(arguments: [0, 1, 500, 998, 999])
    func `one missing record is named, wherever it was`(place: Int) {
        let target = Self.prints((0..<1000).filter { $0 != place })

        let comparison = Self.compare(Self.thousand, target)

        #expect(comparison.tally.examples == [Self.difference(.missing, source: place)])
        #expect(comparison.equal == 999)
    }

    @Test(arguments: [0, 500, 1000])
    func `one extra record is named, wherever it stands`(place: Int) {
        var numbers = Array(0..<1000)
        numbers.insert(5000, at: place)

        let comparison = Self.compare(Self.thousand, Self.prints(numbers))

        #expect(comparison.tally.examples == [Self.difference(.extra, target: place)])
        #expect(comparison.equal == 1000)
    }

    @Test(arguments: [1, 500, 999])
    func `a doubled record is told from an extra one`(place: Int) {
        var numbers = Array(0..<1000)
        numbers.insert(place - 1, at: place)

        let comparison = Self.compare(Self.thousand, Self.prints(numbers))

        #expect(comparison.tally.counts.doubled == 1)
        #expect(comparison.tally.total == 1)
    }

    @Test func `a doubled stretch is doubled in every record`() {
        let numbers = Array(0..<600) + Array(500..<1000)

        let comparison = Self.compare(Self.thousand, Self.prints(numbers))

        #expect(comparison.tally.counts.doubled == 100)
        #expect(comparison.tally.total == 100)
        #expect(comparison.equal == 1000)
    }

    /// The place of a record is no part of it here.
    @Test(arguments: RecordPart.allCases.filter { $0 != .offset }, [0, 500, 999])
    func `an altered part is named`(part: RecordPart, place: Int) {
        var target = Self.thousand
        switch part {
        case .key: target[place].key = 1
        case .value: target[place].value = 1
        case .headers: target[place].headers = 1
        case .timestamp: target[place].timestamp = 1
        case .offset: return
        }

        let comparison = Self.compare(Self.thousand, target)

        #expect(
            comparison.tally.examples == [Self.difference(.altered, source: place, target: place, parts: [part])])
    }

    @Test(arguments: [0, 500, 998])
    func `two swapped records are reordered`(place: Int) {
        var numbers = Array(0..<1000)
        numbers.swapAt(place, place + 1)

        let comparison = Self.compare(Self.thousand, Self.prints(numbers))

        #expect(comparison.tally.counts.reordered == 1)
        #expect(comparison.tally.total == 1)
    }

    @Test func `a stretch longer than the horizon may be missing`() {
        let target = Self.prints((0..<100).map { $0 }) + Self.prints(0..<1000)[900...]

        let comparison = Self.compare(Self.thousand, target, horizon: 1024)

        #expect(comparison.tally.counts.missing == 800)
        #expect(comparison.tally.total == 800)
    }

    @Test func `what stands before the target's beginning is no difference where that is allowed`() {
        let target = Self.prints(300..<1000)

        let strict = Self.compare(Self.thousand, target)
        let allowed = Self.compare(Self.thousand, target, allowance: .init(source: true))

        #expect(strict.tally.counts.missing == 300)
        #expect(allowed.tally.total == 0)
        #expect(allowed.leading.source == 300)
    }

    @Test func `an allowance does not excuse what is missing later`() {
        let target = Self.prints((300..<1000).filter { $0 != 700 })

        let comparison = Self.compare(Self.thousand, target, allowance: .init(source: true))

        #expect(comparison.tally.examples == [Self.difference(.missing, source: 700)])
    }

    @Test func `what others wrote behind the cut is not judged`() {
        var comparison = SequenceComparison()
        comparison.openEnd = 3
        for print in Self.prints(0..<3) { comparison.add(source: print) }
        for print in Self.prints(0..<5) { comparison.add(target: print) }

        let need = comparison.advance(sourceHasEnded: true, targetHasEnded: true)

        #expect(need == .nothing)
        #expect(comparison.tally.total == 0)
    }

    @Test func `what the target has and cannot be placed is named once it is settled, what may come is left`() {
        var comparison = SequenceComparison()
        comparison.keepsFindings = true
        for print in Self.prints(0..<10) { comparison.add(source: print) }
        var copy = Self.prints(0..<5)
        copy[4].value = 7
        for print in copy { comparison.add(target: print) }

        #expect(comparison.advance(sourceHasEnded: true, targetHasEnded: false) == .target)
        #expect(comparison.isTargetWaiting)
        comparison.confirmMatches()

        #expect(comparison.takeFindings() == [Self.difference(.altered, source: 4, target: 4, parts: [.value])])
        #expect(comparison.takeFindings() == [])
        #expect(comparison.firstWaitingSource == 5)
        for print in Self.prints(0..<10)[5...] { comparison.add(target: print) }
        #expect(comparison.advance(sourceHasEnded: true, targetHasEnded: true) == .nothing)
        #expect(comparison.equal == 9)
        #expect(comparison.tally.total == 1)
    }

    @Test func `what the target has beyond the source is named at once when the source has ended`() {
        var comparison = SequenceComparison()
        for print in Self.prints(0..<3) { comparison.add(source: print) }
        for print in Self.prints([0, 1, 2, 2, 9]) { comparison.add(target: print) }

        #expect(comparison.advance(sourceHasEnded: true, targetHasEnded: false) == .target)

        #expect(comparison.tally.counts.doubled == 1)
        #expect(comparison.tally.counts.extra == 1)
    }

    /// Random edits: every one is counted, whatever kind it is, and nothing else.
    @Test(arguments: 0..<40)
    func `planted differences far apart are all found`(seed: Int) {
        var random = seeded(UInt64(seed))
        var target: [RecordFingerprint] = []
        var planted: [Difference.Kind: Int] = [:]
        let source = Self.prints(0..<20_000)
        var index = 0
        while index < source.count {
            guard index % 200 == 100 else {
                target.append(source[index])
                index += 1
                continue
            }
            let kinds = Difference.Kind.allCases
            let kind = kinds[Int(random.next(upperBound: UInt(kinds.count)))]
            planted[kind, default: 0] += 1
            switch kind {
            case .missing: break
            case .extra: target += [source[index], Self.print(1_000_000 + index, at: 0)]
            case .doubled: target += [source[index], source[index]]
            case .altered:
                var altered = source[index]
                altered.value = 7
                target.append(altered)
            case .reordered:
                target += [source[index + 1], source[index]]
                index += 1
            }
            index += 1
        }

        let step = 1 + Int(random.next(upperBound: UInt(900)))
        let comparison = Self.compare(source, target, step: step)

        for kind in Difference.Kind.allCases {
            #expect(comparison.tally.counts[kind] == Int64(planted[kind] ?? 0), "\(kind), seed \(seed)")
        }
    }

    private static func difference(
        _ kind: Difference.Kind, source: Int? = nil, target: Int? = nil, parts: [RecordPart] = []
    ) -> Difference {
        Difference(
            kind, sourceOffset: source.map { Int64($0) }, targetOffset: target.map { Int64($0) }, parts: parts)
    }
}
