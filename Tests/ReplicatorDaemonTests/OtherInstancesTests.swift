import ReplicatorDaemon
import Synchronization
import Testing

/// Answers of other instances: who is asked when, and what becomes of those who do not answer.
@Suite struct OtherInstancesTests {
    private final class World: Sendable {
        private struct State {
            var now = ContinuousClock.now
            var asked: [String] = []
            var answers: [String: Result<String, InstanceSilence>] = [:]
        }

        private let state = Mutex(State())

        var now: ContinuousClock.Instant { state.withLock(\.now) }
        var asked: [String] { state.withLock(\.asked) }

        func pass(_ time: Duration) { state.withLock { $0.now += time } }

        func answer(_ id: String, _ answer: Result<String, InstanceSilence>) {
            state.withLock { $0.answers[id] = answer }
        }

        func ask(_ instance: OtherInstance, _ path: String) -> Result<String, InstanceSilence> {
            state.withLock { state in
                state.asked.append("\(instance.id)\(path)")
                return state.answers[instance.id] ?? .failure(InstanceSilence(reason: "nobody"))
            }
        }
    }

    private let world = World()
    private let others: OtherInstances
    private let b = OtherInstance(id: "b", address: "http://b:1")
    private let c = OtherInstance(id: "c", address: "http://c:1")

    init() {
        let world = world
        others = OtherInstances(wallClock: { 1_000 }, now: { world.now }) { world.ask($0, $1) }
    }

    private static func document(_ id: String?) -> String {
        StatusDocument(
            version: "1", instance: id, startedAt: 0, time: 0, clusters: [], flows: [], lastReload: nil
        ).json
    }

    private func told(_ instances: OtherInstance...) async -> [String: String] {
        await others.documents(instances, "/s").mapValues { answer in
            switch answer {
            case .document(let document): "document of \(document.instance ?? "nobody")"
            case .silent(let reason, let since): "\(reason) since \(since)"
            }
        }
    }

    @Test func `each is asked, and not again within a second`() async {
        world.answer("b", .success(Self.document("b")))
        world.answer("c", .success(Self.document("c")))

        #expect(await told(b, c) == ["b": "document of b", "c": "document of c"])
        #expect(await told(b, c) == ["b": "document of b", "c": "document of c"])
        #expect(world.asked.sorted() == ["b/s", "c/s"])
        world.pass(.seconds(1))
        _ = await told(b)
        #expect(world.asked.count == 3)
    }

    @Test func `many who ask at once are one`() async {
        world.answer("b", .success(Self.document("b")))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { _ = await others.documents([b], "/s") } }
        }
        #expect(world.asked == ["b/s"])
    }

    @Test func `one that is silent is named with the reason, and rested for a few seconds`() async {
        world.answer("b", .failure(InstanceSilence(reason: "refused")))

        #expect(await told(b) == ["b": "refused since 1000"])
        for _ in 0..<3 {
            world.pass(.seconds(1))
            #expect(await told(b) == ["b": "refused since 1000"])
        }
        #expect(world.asked.count == 1)
        // However often somebody looks meanwhile.
        world.pass(.seconds(1))
        world.answer("b", .success(Self.document("b")))
        #expect(await told(b) == ["b": "document of b"])
    }

    @Test func `a silent one is rested whatever the question`() async {
        world.answer("b", .failure(InstanceSilence(reason: "refused")))
        _ = await others.texts([b], "/history")
        _ = await others.texts([b], "/status")
        #expect(world.asked == ["b/history"])
    }

    @Test(arguments: [
        ("x", "instance x answers at its address http://b:1: instance.advertise has to lead to the instance itself"),
        (
            nil,
            "another version answers at its address http://b:1: instance.advertise has to lead to the instance itself"
        ),
    ]) func `an address that leads to another one is found out`(id: String?, reason: String) async {
        world.answer("b", .success(Self.document(id)))
        #expect(await told(b) == ["b": "\(reason) since 1000"])
    }

    @Test func `what is no status document is no answer`() async {
        world.answer("b", .success("<html>"))
        #expect(await told(b) == ["b": "it does not answer as this version does since 1000"])
    }

    @Test func `texts are of those who answer`() async {
        world.answer("b", .success("one"))
        #expect(await others.texts([b, c], "/h") == ["one"])
    }

    @Test func `one that is gone is forgotten`() async {
        world.answer("b", .failure(InstanceSilence(reason: "refused")))
        _ = await told(b)
        await others.keep([c])
        _ = await told(b)
        #expect(world.asked == ["b/s", "b/s"])
    }
}
