import KafkaClient
import Replication
import Testing

@Suite struct SyncQuotaPlanTests {
    private let alice = QuotaEntity(["user": "alice"])
    private let anybody = QuotaEntity(["user": nil, "client-id": "app"])

    @Test func `quotas of users, client ids and defaults follow, those of addresses do not`() {
        let plan = QuotaPlanner.plan(
            source: [
                alice: ["producer_byte_rate": 1_000], anybody: ["request_percentage": 12.5],
                QuotaEntity(["ip": "10.0.0.1"]): ["connection_creation_rate": 3],
            ], target: [:], ours: [:], principals: [:])

        #expect(
            Set(plan.actions) == [
                .changeQuota(alice, key: "producer_byte_rate", from: nil, to: 1_000),
                .changeQuota(anybody, key: "request_percentage", from: nil, to: 12.5),
            ])
    }

    @Test func `users are renamed as principals are`() {
        let plan = QuotaPlanner.plan(
            source: [alice: ["producer_byte_rate": 1]], target: [:], ours: [:],
            principals: ["User:alice": "User:alice-west"])

        #expect(
            plan.actions == [
                .changeQuota(QuotaEntity(["user": "alice-west"]), key: "producer_byte_rate", from: nil, to: 1)
            ])
    }

    @Test func `ours go with the source's, others' stay, even where they are equal`() {
        func plan(ours: [QuotaEntity: [String: Double]]) -> SyncPlan {
            QuotaPlanner.plan(
                source: [:], target: [alice: ["producer_byte_rate": 1_000]], ours: ours, principals: [:])
        }
        let agreed = QuotaPlanner.plan(
            source: [alice: ["producer_byte_rate": 1_000]], target: [alice: ["producer_byte_rate": 1_000]], ours: [:],
            principals: [:])

        #expect(
            plan(ours: [alice: ["producer_byte_rate": 1_000]]).actions
                == [.changeQuota(alice, key: "producer_byte_rate", from: 1_000, to: nil)])
        #expect(plan(ours: [:]).isEmpty)
        #expect(agreed.isEmpty && agreed.bookkeeping.isEmpty)
    }
}
