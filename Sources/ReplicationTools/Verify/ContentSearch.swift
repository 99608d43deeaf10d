internal import KafkaClient
internal import Replication

/// Looks for places where both sides of a partition are alike, where nothing is recorded about the places of copies.
struct ContentSearch {
    let compared: ComparedPair

    /// Records around a range in which the places are looked for where both sides are alike.
    private static let context: Int64 = 64
    /// Offsets around the place where a copy is thought to be: first few, then many.
    static let margins: [Int64] = [1_024, 16_384]

    private var pair: EndOffsetSnapshot.Pair { compared.pair }

    /// Finds the target's copy of a range of the source.
    ///
    /// - Parameter guesses: target offsets where its first record may be, the likeliest first.
    func alignment(
        of wanted: Range<Int64>, guesses: [Int64], margins: [Int64] = Self.margins
    ) async throws(KafkaError) -> RangeAlignment? {
        try await search(wanted, guesses, margins) { source, target, guess in
            RangeAlignment(of: wanted, source: source, target: target, guess: guess)
        }
    }

    /// Finds the beginning of a range of the source on the target.
    func begin(of wanted: Range<Int64>, guesses: [Int64]) async throws(KafkaError) -> RangeAlignment.Place? {
        try await search(wanted, guesses, Self.margins) { source, target, guess in
            RangeAlignment.begin(of: wanted.lowerBound, source: source, target: target, guess: guess)
        }
    }

    private func search<Found>(
        _ wanted: Range<Int64>, _ guesses: [Int64], _ margins: [Int64],
        _ look: (RangeAlignment.Window, RangeAlignment.Window, Int64) -> Found?
    ) async throws(KafkaError) -> Found? {
        let source = try await compared.sourceWindow(Self.around(wanted, Self.context, within: pair.sourceRange))
        for margin in margins {
            for guess in guesses {
                let expected = guess..<guess + Int64(wanted.count)
                let target = try await compared.targetWindow(Self.around(expected, margin, within: pair.targetRange))
                if let found = look(source, target, guess) { return found }
            }
        }
        return nil
    }

    /// A place near the target's end from which both sides continue alike; nil when none is found.
    func lastCommonPlace() async throws(KafkaError) -> RangeAlignment.Place? {
        let end = pair.targetRange.upperBound
        let copies = try await compared.targetWindow(Self.around(end..<end, 4 * Self.context, within: pair.targetRange))
        guard let last = copies.fingerprints.last else { return nil }
        var guesses = [last.offset, pair.sourceRange.upperBound - (end - last.offset)]
        if !pair.targetStampsRecords,
            let offset = try await Self.offset(atTime: last.timestamp, of: pair.source, at: compared.source)
        {
            guesses.insert(offset, at: 0)
        }
        for margin in Self.margins {
            for guess in guesses {
                let range = Self.around(guess..<guess + 1, margin, within: pair.sourceRange)
                let originals = try await compared.sourceWindow(range)
                // The same question, asked from the other side.
                if let found = RangeAlignment.begin(of: last.offset, source: copies, target: originals, guess: guess) {
                    return RangeAlignment.Place(source: found.target, target: found.source)
                }
            }
        }
        return nil
    }

    /// The first record that is not earlier; nil where there is none.
    static func offset(
        atTime timestamp: Int64, of partition: TopicPartition, at cluster: ClusterClient
    ) async throws(KafkaError) -> Int64? {
        guard timestamp >= 0 else { return nil }
        return try await cluster.offsets([partition: .timestamp(timestamp)])[partition]?.get().offset
    }

    private static func around(_ range: Range<Int64>, _ margin: Int64, within whole: Range<Int64>) -> Range<Int64> {
        (range.lowerBound - margin..<range.upperBound + margin).clamped(to: whole)
    }
}
