import NIOCore
import Replication
import TestSupport
import Testing

/// The division of a limit among instances.
@Suite(.printsSeed) struct LimitClaimsTests {
    private static func report(_ claim: Int?, _ demand: Int? = nil, number: Int? = nil) -> InstanceReport {
        InstanceReport(
            address: nil, generation: 1, bytesPerSecond: 0, requestsPerSecond: 0, demand: demand, claim: claim,
            claimNumber: number, time: 0)
    }

    @Test(
        arguments: [
            (100, [Int?.none, nil], [50, 50]), (100, [10, nil], [10, 90]),
            (100, [10, 30, nil, nil], [10, 30, 30, 30]),
            (100, [10, 20], [45, 55]), (100, [nil], [100]), (100, [], []), (2, [nil, nil, nil], [0, 1, 1]),
        ] as [(Int, [Int?], [Int])])
    func `who wants little gets it, and the others share the rest`(limit: Int, demands: [Int?], shares: [Int]) {
        #expect(LimitClaims.divide(limit, among: demands) == shares)
    }

    @Test func `no division exceeds the limit`() {
        for seed in FuzzSeeds(count: 1_000) {
            var random = seeded(seed)
            let limit = Int.random(in: 0...10_000, using: &random)
            let demands = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                Bool.random(using: &random) ? Int?.none : Int.random(in: 0...5_000, using: &random)
            }
            let shares = LimitClaims.divide(limit, among: demands)
            #expect(shares.reduce(0, +) <= limit && shares.allSatisfy { $0 >= 0 })
        }
    }

    @Test func `a lone instance has the whole limit once its claim has come by`() {
        var claims = LimitClaims(instance: "one", limit: 100)
        #expect(claims.granted == 0)
        #expect(claims.next(demand: nil) == (100, true))
        #expect(claims.granted == 0)
        claims.follow(["one": Self.report(100, number: claims.number)])
        #expect(claims.granted == 100)
        #expect(claims.next(demand: nil) == (100, false))
    }

    @Test func `less is taken at once, more only when the others have let go of it`() {
        var one = LimitClaims(instance: "one", limit: 100), two = LimitClaims(instance: "two", limit: 100)
        one.follow(["one": Self.report(100)])
        two.follow(["one": Self.report(100)])
        #expect(two.next(demand: nil) == (0, true))

        one.follow(["one": Self.report(100), "two": Self.report(0)])
        #expect(one.next(demand: nil) == (50, true))
        #expect(one.granted == 50)

        two.follow(["one": Self.report(50), "two": Self.report(0)])
        #expect(two.next(demand: nil) == (50, true))
        #expect(two.granted == 0)
        two.follow(["one": Self.report(50), "two": Self.report(50, number: two.number)])
        #expect(two.granted == 50)
    }

    @Test func `an older claim that comes by late gives nothing back`() {
        var one = LimitClaims(instance: "one", limit: 100)
        one.follow(["one": Self.report(100)])
        one.follow(["one": Self.report(100), "two": Self.report(0)])
        #expect(one.next(demand: nil) == (50, true))
        // What others took meanwhile is not known yet.
        #expect(one.next(demand: 10).claim == 12)
        one.follow(["one": Self.report(100), "two": Self.report(0)])
        #expect(one.granted == 12)
    }

    @Test func `of two that claim the same the later one is not granted it`() {
        var two = LimitClaims(instance: "two", limit: 100)
        two.follow(["one": Self.report(50), "two": Self.report(20)])
        #expect(two.granted == 20)
        two.follow(["one": Self.report(50), "two": Self.report(50), "three": Self.report(30)])
        #expect(two.granted == 20)
        let next = two.next(demand: nil)
        #expect(next.isDue && next.claim == 20, "it takes back what it was not granted")
    }

    @Test func `the share of one that is gone is free, and one that is taken for gone takes nothing`() {
        var one = LimitClaims(instance: "one", limit: 100)
        one.follow(["one": Self.report(50), "two": Self.report(50)])
        #expect(one.next(demand: nil).claim == 50)
        one.follow(["one": Self.report(50)])
        #expect(one.next(demand: nil) == (100, true))
        one.follow([:])
        #expect(one.granted == 0)
    }

    @Test func `a lower limit holds at once, no limit too`() {
        var one = LimitClaims(instance: "one", limit: 100)
        one.follow(["one": Self.report(60), "two": Self.report(40)])
        one.change(limit: 20)
        #expect(one.granted == 10)
        one.change(limit: nil)
        #expect(one.granted == nil)
        #expect(one.next(demand: nil) == (nil, true))
        one.change(limit: 30)
        #expect(one.granted == 15)
    }

    /// Instances that read the topic at their own pace, die, come and change their minds.
    private struct World {
        struct Instance {
            var claims: LimitClaims
            var position = 0
        }

        var log: [(instance: String, report: InstanceReport?)] = []
        var instances: [String: Instance] = [:]

        func reports(upTo position: Int) -> [String: InstanceReport] {
            var reports: [String: InstanceReport] = [:]
            for entry in log[..<position] { reports[entry.instance] = entry.report }
            return reports
        }

        var sum: Int { instances.values.reduce(0) { $0 + ($1.claims.granted ?? 0) } }
    }

    @Test func `whatever each has read so far, all together never take more than the limit`() {
        for seed in FuzzSeeds(count: 500) {
            var random = seeded(seed)
            let limit = Int.random(in: 10...10_000, using: &random)
            var world = World()
            for step in 0..<200 {
                let someone = world.instances.keys.sorted().randomElement(using: &random)
                switch Int.random(in: 0..<10, using: &random) {
                case 0 where world.instances.count < 5:
                    world.instances["i\(step)"] = World.Instance(
                        claims: LimitClaims(instance: "i\(step)", limit: limit))
                case 1 where Int.random(in: 0..<4, using: &random) == 0:
                    // It has stopped; then its session ends, and its record goes.
                    guard let someone else { continue }
                    world.instances[someone] = nil
                    world.log.append((someone, nil))
                case 2...5:
                    guard let someone, var instance = world.instances[someone] else { continue }
                    instance.position = Int.random(in: instance.position...world.log.count, using: &random)
                    instance.claims.follow(world.reports(upTo: instance.position))
                    world.instances[someone] = instance
                default:
                    guard let someone, var instance = world.instances[someone] else { continue }
                    let demand = Bool.random(using: &random) ? Int?.none : Int.random(in: 0...limit, using: &random)
                    let (claim, isDue) = instance.claims.next(demand: demand)
                    world.instances[someone] = instance
                    if isDue { world.log.append((someone, Self.report(claim, demand, number: instance.claims.number))) }
                }
                #expect(world.sum <= limit, "seed \(seed), step \(step)")
            }
            guard !world.instances.isEmpty else { continue }
            // When all have read everything, all of it is used.
            for _ in 0..<20 {
                for name in world.instances.keys.sorted() {
                    guard var instance = world.instances[name] else { continue }
                    instance.claims.follow(world.reports(upTo: world.log.count))
                    let (claim, isDue) = instance.claims.next(demand: nil)
                    if isDue { world.log.append((name, Self.report(claim, number: instance.claims.number))) }
                    instance.claims.follow(world.reports(upTo: world.log.count))
                    world.instances[name] = instance
                }
            }
            #expect(
                world.sum <= limit && Double(world.sum) >= 0.7 * Double(limit) - 10,
                "seed \(seed): \(world.sum) of \(limit)")
        }
    }
}
