import Logging
import Observability
import Testing

@Suite struct EventLogTests {
    private func logger(_ events: EventLog) -> Logger {
        var logger = Logger(label: "test", factory: { _ in EventLogHandler(events) })
        logger.logLevel = .trace
        return logger
    }

    @Test func `what is logged at info and above becomes an event with everything it is about`() {
        let events = EventLog()
        var logger = logger(events)
        logger[metadataKey: "flow"] = "f"
        logger.debug("not for operators")
        logger.info("created", metadata: ["topic": "orders"])
        logger.error("stopped")

        let found = events.events()

        #expect(found.map(\.message) == ["created", "stopped"])
        #expect(found.map(\.level) == ["info", "error"])
        #expect(found[0].about == ["flow": "f", "topic": "orders"])
        #expect(found[1].about == ["flow": "f"])
    }

    @Test func `an event is bounded, and printable`() {
        let events = EventLog()
        logger(events).error(
            "\u{1B}[2J\(String(repeating: "x", count: 1 << 20))", metadata: ["reason": "a\nb\u{202E}"])

        #expect(events.events().first?.message.hasPrefix("\\u{1B}[2Jx") == true)
        #expect((events.events().first?.message.utf8.count ?? 0) < 4_096)
        #expect(events.events().first?.about == ["reason": "a\\nb\\u{202E}"])
    }

    @Test func `only events after a known one are told`() {
        let events = EventLog()
        let logger = logger(events)
        for n in 0..<5 { logger.info("event \(n)") }

        let all = events.events()
        let seen = all[2].id
        let last = all[4].id

        #expect(events.events(after: seen).map(\.message) == ["event 3", "event 4"])
        #expect(events.events(after: last).isEmpty)
    }

    @Test func `the oldest events make room, and ids go on`() {
        let events = EventLog(capacity: 16)
        let logger = logger(events)
        for n in 1...1_000 { logger.info("event \(n)") }

        let found = events.events()

        #expect(found.count <= 16 && found.count >= 14)
        #expect(found.last?.id == 1_000)
        #expect(found.map(\.id) == Array((1_001 - found.count)...1_000))
    }
}
