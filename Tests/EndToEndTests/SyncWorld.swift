import KafkaClient
import NIOCore
import NIOPosix
import Replication
import ReplicationTools

extension Replicated {
    /// A plan for the usual flow from source to target.
    func plan(
        applies: Bool = false, overwrites: Bool = false, _ edit: (inout FlowSettings) -> Void = { _ in }
    ) async throws -> FlowPlan {
        let planner = FlowPlanner(
            try await flow(edit).settings, eventLoop: group.next(), logger: Self.quiet,
            wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) })
        do throws(FlowError) {
            let plan = try await planner.plan(applies: applies, overwrites: overwrites)
            await planner.close()
            return plan
        } catch {
            await planner.close()
            throw error
        }
    }

    /// What the doctor says of the usual flow.
    ///
    /// - Parameter now: milliseconds since 1970.
    func diagnosis(
        probes: Bool = false, now: Int64 = 1_700_000_100_000, _ edit: (inout FlowSettings) -> Void = { _ in }
    ) async throws -> Diagnosis {
        let doctor = Doctor(
            try await flow(edit).settings, eventLoop: group.next(), logger: Self.quiet, wallClock: { now })
        let diagnosis = await doctor.examine(probes: probes)
        await doctor.close()
        return diagnosis
    }
}
