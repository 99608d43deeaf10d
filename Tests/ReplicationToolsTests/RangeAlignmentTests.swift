import Replication
import ReplicationTools
import Testing

@Suite struct RangeAlignmentTests {
    private static func print(_ number: Int, at offset: Int64) -> RecordFingerprint {
        RecordFingerprint(offset: offset, key: UInt64(number), value: UInt64(number) &* 31, headers: 0, timestamp: 0)
    }

    /// Records at consecutive offsets, in a log from 0 to 10,000.
    private static func window(_ numbers: some Sequence<Int>, from first: Int64) -> RangeAlignment.Window {
        let prints = numbers.enumerated().map { print($0.element, at: first + Int64($0.offset)) }
        return RangeAlignment.Window(prints, range: first..<first + Int64(prints.count), within: 0..<10_000)
    }

    private static let source = window(1_000..<2_000, from: 1_000)

    @Test func `copies that stand elsewhere are found`() {
        let target = Self.window(900..<2_100, from: 600)

        let found = RangeAlignment(of: 1_100..<1_900, source: Self.source, target: target, guess: 1_100)

        #expect(found?.source == 1_100..<1_900)
        #expect(found?.target == 800..<1_600)
    }

    @Test func `a range widens to where both sides are alike`() {
        var numbers = Array(1_000..<2_000)
        numbers[100] = 7
        numbers[899] = 7
        numbers[900] = 7

        let found = RangeAlignment(
            of: 1_100..<1_900, source: Self.source, target: Self.window(numbers, from: 1_000), guess: 1_100)

        // Four records in a row before, and the first that is alike behind.
        #expect(found?.source == 1_096..<1_901)
        #expect(found?.target == 1_096..<1_901)
    }

    @Test func `of several places the nearest to the guess is taken`() {
        let target = Self.window(Array(1_000..<2_000) + Array(1_000..<2_000), from: 1_000)

        let near = RangeAlignment(of: 1_100..<1_200, source: Self.source, target: target, guess: 1_110)
        let far = RangeAlignment(of: 1_100..<1_200, source: Self.source, target: target, guess: 2_090)

        #expect(near?.target == 1_100..<1_200)
        #expect(far?.target == 2_100..<2_200)
    }

    @Test func `nothing is found where nothing is alike`() {
        let target = Self.window(5_000..<6_000, from: 1_000)

        #expect(RangeAlignment(of: 1_100..<1_200, source: Self.source, target: target, guess: 1_100) == nil)
    }

    @Test func `the ends of both logs belong together, whatever stands there`() {
        let ours = RangeAlignment.Window([Self.print(1, at: 3)], range: 0..<5, within: 0..<5)
        let theirs = RangeAlignment.Window([Self.print(2, at: 9)], range: 8..<10, within: 8..<10)

        let found = RangeAlignment(of: 0..<5, source: ours, target: theirs, guess: 0)

        #expect(found?.source == 0..<5)
        #expect(found?.target == 8..<10)
    }

    @Test func `what was compared already is left out`() {
        let target = Self.window(1_000..<2_000, from: 600)
        let found = RangeAlignment(of: 1_100..<1_200, source: Self.source, target: target, guess: 700)

        let rest = found?.behind(RangeAlignment.Place(source: 1_120, target: 720))

        #expect(rest?.source == 1_120..<1_200)
        #expect(rest?.target == 720..<800)
        #expect(found?.behind(RangeAlignment.Place(source: 0, target: 0)) == found)
    }
}
