import CoreMetrics
import Observability
import Testing

@Suite struct PrometheusTextTests {
    @Test func `counters and gauges carry their labels, help and type`() {
        let registry = MetricsRegistry()
        registry.makeCounter(label: "replicator_records_total", dimensions: [("flow", "a"), ("topic", "t")]).increment(
            by: 3)
        registry.makeCounter(label: "replicator_records_total", dimensions: [("flow", "a"), ("topic", "u")]).increment(
            by: 4)
        registry.makeRecorder(label: "replicator_message_lag", dimensions: [("flow", "a")], aggregate: false).record(
            Int64(7))

        #expect(
            PrometheusText.render(registry) == """
                # HELP replicator_message_lag Source offsets up to the high watermark that have not passed yet.
                # TYPE replicator_message_lag gauge
                replicator_message_lag{flow="a"} 7
                # HELP replicator_records_total Records that the target has acknowledged.
                # TYPE replicator_records_total counter
                replicator_records_total{flow="a",topic="t"} 3
                replicator_records_total{flow="a",topic="u"} 4

                """)
    }

    @Test func `the same name and labels are one instrument`() {
        let registry = MetricsRegistry()
        for _ in 0..<2 {
            registry.makeCounter(label: "replicator_records_total", dimensions: [("topic", "t")]).increment(by: 1)
        }

        #expect(PrometheusText.render(registry).contains("replicator_records_total{topic=\"t\"} 2\n"))
    }

    @Test func `time spans become cumulative buckets with sum and count`() {
        let registry = MetricsRegistry()
        let timer = registry.makeTimer(label: "replicator_pipeline_latency_seconds", dimensions: [("flow", "a")])
        timer.recordNanoseconds(2_000_000)
        timer.recordNanoseconds(700_000_000)
        let text = PrometheusText.render(registry)

        #expect(text.contains("_bucket{flow=\"a\",le=\"0.001\"} 0\n"))
        #expect(text.contains("_bucket{flow=\"a\",le=\"0.0025\"} 1\n"))
        #expect(text.contains("_bucket{flow=\"a\",le=\"0.5\"} 1\n"))
        #expect(text.contains("_bucket{flow=\"a\",le=\"1\"} 2\n"))
        #expect(text.contains("_bucket{flow=\"a\",le=\"+Inf\"} 2\n"))
        #expect(text.contains("replicator_pipeline_latency_seconds_sum{flow=\"a\"} 0.702\n"))
        #expect(text.contains("replicator_pipeline_latency_seconds_count{flow=\"a\"} 2\n"))
    }

    @Test func `labels are escaped`() {
        let registry = MetricsRegistry()
        registry.makeCounter(label: "x", dimensions: [("a", "q\"b\\s\nn")]).increment(by: 1)

        #expect(PrometheusText.render(registry).contains(#"x{a="q\"b\\s\nn"} 1"#))
    }

    /// A character of Swift's may be a line feed, or a quotation mark, with something behind or before it.
    @Test(arguments: ["a\r\nb", "a\"\u{301}b", "a\\\u{301}b", "a\n\u{301}b", "\r\n\"\r\n"])
    func `labels are escaped scalar by scalar`(label: String) {
        let registry = MetricsRegistry()
        registry.makeCounter(label: "x", dimensions: [("a", label)]).increment(by: 1)
        let text = PrometheusText.render(registry)
        let line = text.utf8.split(separator: 0x0A).last.map { Array($0) } ?? []

        #expect(text.utf8.count { $0 == 0x0A } == 2)
        #expect(!text.utf8.contains(0x0D))
        // Between the outer quotation marks each is behind an odd number of backslashes.
        var isEscaped = false
        var quotes = 0
        for byte in line {
            if byte == UInt8(ascii: "\""), !isEscaped { quotes += 1 }
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        }
        #expect(quotes == 2)
    }
}
