/// Times closures and prints a line each. The best of several rounds is quoted: noise only ever adds.
struct Report {
    private let clock = ContinuousClock()
    private let rounds = 7
    private let roundLength = Duration.milliseconds(60)

    func section(_ title: String) {
        print("\n\(title)")
    }

    func measure(_ name: String, _ body: () throws -> Void) {
        do {
            let once = try time(1, body)
            let repetitions = max(1, Int(roundLength / max(once, .nanoseconds(1))))
            var best = Duration.seconds(3_600)
            for _ in 0..<rounds { best = min(best, try time(repetitions, body) / repetitions) }
            print("  \(padded(name, 52)) \(rightAligned(nanoseconds(best), 14))")
        } catch {
            print("  \(padded(name, 52)) failed: \(error)")
        }
    }

    private func time(_ repetitions: Int, _ body: () throws -> Void) throws -> Duration {
        try clock.measure { for _ in 0..<repetitions { try body() } }
    }

    private func nanoseconds(_ duration: Duration) -> String {
        var digits = "\(Int(duration / .nanoseconds(1)))"[...]
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits.removeLast(3)
        }
        return ([digits] + groups).joined(separator: ",")
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func rightAligned(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
