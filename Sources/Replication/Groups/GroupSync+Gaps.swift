internal import KafkaClient
internal import Logging

// Positions for which the maps alone give no place.
extension GroupSync {
    /// A position that no consumer can have come to in the log that the source has now is one of another log.
    func checkEnds(_ found: inout [GroupFinding]) async {
        let ahead = Set(found.flatMap(\.partitions).filter(\.isAhead).map(\.source))
        guard !ahead.isEmpty else { return }
        let ends = await source.logEnds(of: ahead)
        edit(&found) { partition in
            guard partition.isAhead, let end = ends[partition.source], partition.committed.offset > end else { return }
            partition.position = .failure(.behindEnd(end))
        }
    }

    /// A group in front of the first known copy goes to that one if there is nothing left to read before it.
    func crossGaps(_ found: inout [GroupFinding], _ routes: GroupRoutes) async {
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in found.flatMap(\.partitions) {
            guard case .failure(.beforeStart(let start)) = partition.position else { continue }
            Self.extend(&ranges, partition, to: start)
        }
        let emptyFrom = await gaps.emptyFrom(ranges)
        edit(&found) { partition in
            guard case .failure(.beforeStart(let start)) = partition.position, let route = routes[partition.source],
                let empty = emptyFrom[partition.source], partition.committed.offset >= empty
            else { return }
            do throws(TranslationRefusal) {
                partition.position = .success(try route.offsets.position(of: start, targetEnd: end(of: route)))
            } catch {
                partition.position = .failure(error)
            }
        }
    }

    /// Gaps of one target partition that are looked at in a row. Each takeover leaves one.
    private static let mostMarkerGaps = 100

    /// A group is not kept in front of offsets in which nobody can read anything: an opposite flow that does not run will
    /// never have seen the markers that takeovers of ours have left on the target.
    func crossMarkers(_ found: inout [GroupFinding], _ routes: inout GroupRoutes) async {
        for _ in 0..<Self.mostMarkerGaps {
            var places: [TopicPartition: (source: TopicPartition, gap: Range<Int64>)] = [:]
            for partition in found.flatMap(\.partitions) where partition.isCautious {
                guard case .success(let position) = partition.position,
                    let gap = routes[partition.source]?.offsets.gap(atTarget: position.target)
                else { continue }
                places[partition.target] = (partition.source, gap)
            }
            guard !places.isEmpty else { return }
            let emptyFrom = await targetGaps.emptyFrom(places.mapValues(\.gap))
            let crossed = places.filter { emptyFrom[$0.key] == $0.value.gap.lowerBound }
            guard !crossed.isEmpty else { return }
            for place in crossed.values { routes.cross(place.gap, of: place.source) }
            edit(&found) { partition in
                guard partition.isCautious, crossed[partition.target] != nil, let route = routes[partition.source],
                    let position = try? route.offsets.position(
                        of: partition.committed.offset, targetEnd: end(of: route))
                else { return }
                partition.position = .success(position)
            }
        }
    }

    /// Copies that the target no longer has are passed over if the source has lost the records, too.
    func passLostCopies(
        _ found: inout [GroupFinding], _ routes: GroupRoutes, _ starts: [TopicPartition: Int64]
    ) async {
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in found.flatMap(\.partitions) {
            guard let place = Self.firstLeft(partition, routes, starts) else { continue }
            Self.extend(&ranges, partition, to: place.source)
        }
        let emptyFrom = await gaps.emptyFrom(ranges)
        edit(&found) { partition in
            guard let place = Self.firstLeft(partition, routes, starts),
                case .success(var position) = partition.position
            else { return }
            if partition.committed.offset < place.source {
                guard let empty = emptyFrom[partition.source], partition.committed.offset >= empty else { return }
            }
            position.target = place.target
            position.next = place.pair
            partition.position = .success(position)
        }
    }

    /// The first record behind copies that are gone from the target; nil where none are gone. Where the opposite flow's
    /// records count, too, no single map tells what lies between.
    private static func firstLeft(
        _ partition: PartitionFinding, _ routes: GroupRoutes, _ starts: [TopicPartition: Int64]
    ) -> (source: Int64, target: Int64, pair: OffsetSegment.Pair?)? {
        guard case .success(let position) = partition.position, let start = starts[partition.target],
            position.target < start, let offsets = routes[partition.source]?.offsets, offsets.backward == nil,
            let map = offsets.forward
        else { return nil }
        let pair = map.first(fromTarget: start)
        return (pair?.source ?? map.passed, pair?.target ?? start, pair)
    }

    private static func extend(
        _ ranges: inout [TopicPartition: Range<Int64>], _ partition: PartitionFinding, to end: Int64
    ) {
        guard partition.committed.offset < end else { return }
        let first = min(partition.committed.offset, ranges[partition.source]?.lowerBound ?? .max)
        ranges[partition.source] = first..<end
    }

    private func edit(_ found: inout [GroupFinding], _ body: (inout PartitionFinding) -> Void) {
        for index in found.indices {
            for place in found[index].partitions.indices { body(&found[index].partitions[place]) }
        }
    }
}

// Positions of earlier topics.
extension GroupSync {
    /// Remembers which positions may be of earlier topics. What cannot be recorded is found again at the next look.
    func keepGenerations() async {
        guard let progress else { return }
        let records = generations.records(after: look, successions)
        do throws(FlowError) {
            try await progress.store(generations: records)
        } catch {
            logger.debug("cannot record positions of earlier topics, trying again", metadata: ["error": "\(error)"])
        }
    }
}
