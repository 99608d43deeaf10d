import CoreMetrics
import Observability
import Testing

@Suite struct MetricsRegistryTests {
    @Test func `series of a subject that is gone are gone, others are not`() {
        let registry = MetricsRegistry()
        for dimensions in [
            [("flow", "a")], [("flow", "a"), ("topic", "t")], [("cluster", "c"), ("flow", "a")],
            [("x", "y"), ("flow", "a"), ("topic", "t")], [("flow", "ab")], [("flow", "b"), ("topic", "flow=\"a\"")],
            [("flow", "b"), ("topic", "x\",flow=\"a\"")], [("cluster", "a")], [],
        ] {
            registry.makeCounter(label: "n", dimensions: dimensions).increment(by: 1)
        }

        registry.remove(label: "flow", value: "a")

        let left = PrometheusText.render(registry).split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(
            Set(left) == [
                #"n{flow="ab"} 1"#, #"n{flow="b",topic="flow=\"a\""} 1"#, #"n{flow="b",topic="x\",flow=\"a\""} 1"#,
                #"n{cluster="a"} 1"#, "n 1",
            ])
        registry.makeCounter(label: "n", dimensions: [("flow", "a")]).increment(by: 1)
        #expect(registry.value("n", [("flow", "a")]) == 1)
    }

    @Test func `what is recorded for a subject that is gone is in vain`() {
        let registry = MetricsRegistry()
        let counter = registry.makeCounter(label: "n", dimensions: [("flow", "a")])
        registry.remove(label: "flow", value: "a")
        counter.increment(by: 1)

        #expect(registry.value("n", [("flow", "a")]) == 0)
    }
}
