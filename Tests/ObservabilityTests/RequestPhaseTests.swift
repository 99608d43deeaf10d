import NIOCore
import Observability
import Testing

@Suite struct RequestPhaseTests {
    private let limits = ConnectionLimits()
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func at(_ seconds: Int64) -> NIODeadline { start + .seconds(seconds) }

    @Test func `a connection has to send a header at once, however it trickles`() {
        var phase = RequestPhase(limits, at: start)
        for second in 0..<4 { phase.bytesCame(at: at(Int64(second))) }

        #expect(phase.kind == .head)
        #expect(phase.deadline == start + limits.head)
    }

    @Test func `each part of a request has its time`() {
        var phase = RequestPhase(limits, at: start)
        phase.bytesCame(at: at(1))
        phase.headCame(at: at(1))
        #expect(phase.kind == .body)
        #expect(phase.deadline == at(1) + limits.body)

        for second in 2..<5 { phase.bytesCame(at: at(Int64(second))) }
        #expect(phase.deadline == at(1) + limits.body)

        phase.endCame(at: at(5))
        #expect(phase.kind == .answer)
        #expect(phase.deadline == at(5) + limits.answer)

        phase.answered(at: at(7))
        #expect(phase.kind == .idle)
        #expect(phase.deadline == at(7) + limits.idle)

        phase.bytesCame(at: at(20))
        phase.bytesCame(at: at(22))
        #expect(phase.kind == .head)
        #expect(phase.deadline == at(20) + limits.head)
    }

    @Test func `a request that is answered early still has to end`() {
        var phase = RequestPhase(limits, at: start)
        phase.headCame(at: at(1))
        phase.answered(at: at(2))
        #expect(phase.kind == .body)
        #expect(phase.deadline == at(1) + limits.body)

        phase.endCame(at: at(3))
        #expect(phase.kind == .idle)
    }

    @Test func `requests sent ahead do not lengthen the time for an answer`() {
        var phase = RequestPhase(limits, at: start)
        for second in 1..<4 {
            phase.bytesCame(at: at(Int64(second)))
            phase.headCame(at: at(Int64(second)))
            phase.endCame(at: at(Int64(second)))
        }
        #expect(phase.kind == .answer)
        #expect(phase.deadline == at(1) + limits.answer)

        phase.answered(at: at(10))
        #expect(phase.kind == .answer)
        #expect(phase.deadline == at(10) + limits.answer)
    }

    @Test func `the beginning of a request that came ahead counts from the answer on`() {
        var phase = RequestPhase(limits, at: start)
        phase.headCame(at: at(1))
        phase.endCame(at: at(1))
        phase.bytesCame(at: at(2))
        phase.answered(at: at(3))

        #expect(phase.kind == .head)
        #expect(phase.deadline == at(3) + limits.head)
    }

    @Test(
        arguments: [
            (20, 5, 2), (128, 32, 16), (256, 64, 32), (1_024, 256, 128), (1_048_576, 256, 128), (.max, 256, 128),
            (0, 4, 2),
        ] as [(UInt64, Int, Int)])
    func `a quarter of the descriptors at most is for HTTP`(descriptors: UInt64, all: Int, each: Int) {
        let limits = ConnectionLimits(descriptors: descriptors)
        #expect(limits.connections == all)
        #expect(limits.connectionsPerAddress == each)
    }
}
