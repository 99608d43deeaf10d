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
}
