import KafkaWire
import NIOCore

/// Puts a cleaned segment in the place of those that it was made from, in a way that a crash cannot leave half done.
///
/// The cleaned segment is complete in its `.cleaned` files, on the disk for good, before `<offset>.swap` names what it
/// replaces: from then on, at the next start if need be, all is carried out, and before that nothing was.
struct SegmentSwap {
    static let draftSuffix = ".cleaned"
    static let suffix = ".swap"

    let place: LogPlace
    /// The first of them is where the cleaned segment begins.
    let replaced: [Int64]
    /// True if any batch is left.
    let hasResult: Bool

    private var base: Int64 { replaced.first ?? 0 }
    private var noteFile: String { "\(place.directory)/\(SegmentFiles.name(base))\(Self.suffix)" }

    /// The point of no return.
    func decide() throws(LogError) {
        let decision = "\(hasResult ? 1 : 0) " + replaced.map(String.init).joined(separator: " ")
        let text = "\(decision) \(Self.checksum(of: decision))"
        try place.step("decide on", noteFile)
        try FileSystem.replace(noteFile, with: ByteBuffer(string: text), flushed: true, faults: place.faults)
        try FileSystem.flushDirectory(place.directory)
    }

    private static let checksumMark = "c"

    private static func checksum(of decision: some StringProtocol) -> String {
        "\(checksumMark)\(CRC32C.checksum(of: ByteBuffer(string: String(decision))))"
    }

    /// May be carried out again after any part of it was.
    func carryOut() throws(LogError) {
        for offset in replaced where offset != base || !hasResult {
            for path in place.files(offset).all { try remove(path) }
        }
        let draft = place.draft(base)
        if hasResult, FileSystem.exists(draft.log) {
            // The log itself last: as long as its draft is there, its indexes may be old ones.
            for (from, to) in zip(draft.all, place.files(base).all).reversed() {
                if FileSystem.exists(from) { try rename(from, to) } else { try remove(to) }
            }
        }
        try FileSystem.flushDirectory(place.directory)
        try remove(noteFile)
    }

    /// Carries out what was decided before a crash, and removes what was not.
    static func recover(_ place: LogPlace) throws(LogError) {
        for name in try FileSystem.names(in: place.directory) where name.hasSuffix(suffix) {
            let path = "\(place.directory)/\(name)"
            let text = try FileSystem.contents(of: path).map { String(buffer: $0) } ?? ""
            let words = text.split(separator: " ")
            let numbers = words.compactMap { Int64($0) }
            // A wrong digit would remove another segment. Versions that wrote no checksum are believed.
            let isWhole =
                words.last.map { !$0.hasPrefix(checksumMark) || $0 == checksum(of: text.dropLast($0.count + 1)) }
                ?? false
            guard numbers.count >= 2, isWhole else { throw LogError("read", path: path, errno: 0) }
            try SegmentSwap(place: place, replaced: Array(numbers.dropFirst()), hasResult: numbers[0] == 1).carryOut()
        }
        for name in try FileSystem.names(in: place.directory) where name.hasSuffix(draftSuffix) {
            try FileSystem.remove("\(place.directory)/\(name)")
        }
    }

    private func remove(_ path: String) throws(LogError) {
        guard FileSystem.exists(path) else { return }
        try place.step("remove", path)
        try FileSystem.remove(path)
    }

    private func rename(_ path: String, _ newPath: String) throws(LogError) {
        try place.step("rename", path)
        try FileSystem.rename(path, to: newPath)
    }
}

extension LogPlace {
    /// The files of a segment that is being cleaned.
    func draft(_ baseOffset: Int64) -> SegmentFiles {
        SegmentFiles(directory: directory, baseOffset: baseOffset, stage: SegmentSwap.draftSuffix)
    }

    /// A step that a crash may come before.
    func step(_ operation: String, _ path: String) throws(LogError) {
        guard let error = faults?.takeStep() else { return }
        throw LogError(operation, path: path, errno: error)
    }
}

extension PartitionLog {
    /// An empty segment for what is left of those from `baseOffset` on.
    func makeDraft(at baseOffset: Int64, now: Int64) throws(LogError) -> LogSegment {
        guard let place else {
            return LogSegment(baseOffset: baseOffset, data: MemorySegmentData(now: now), files: nil, now: now)
        }
        let files = place.draft(baseOffset)
        let data = try FileSegmentData(path: files.log, creating: true, now: now, faults: place.faults)
        return LogSegment(baseOffset: baseOffset, data: data, files: files, now: now)
    }

    /// Puts a cleaned segment in the place of `replaced`; an empty one leaves a hole, but for the log's first.
    func swap(_ draft: LogSegment, for replaced: [LogSegment], now: Int64) throws(LogError) {
        guard let first = replaced.first, let index = segments.firstIndex(where: { $0 === first }) else { return }
        let hasResult = !draft.isEmpty || index == 0
        var result = draft
        if let place {
            do throws(LogError) {
                try draft.data.flush()
                try draft.close(faults: place.faults)
            } catch {
                try? draft.delete()
                throw error
            }
            let swap = SegmentSwap(place: place, replaced: replaced.map(\.baseOffset), hasResult: hasResult)
            do throws(LogError) {
                try swap.decide()
                try swap.carryOut()
                if hasResult { result = try openCleaned(at: first.baseOffset, place, now: now) }
            } catch {
                throw error.leavingDoubt()
            }
            if !hasResult { try draft.delete() }
        } else {
            draft.data.seal()
        }
        segments.replaceSubrange(index..<index + replaced.count, with: hasResult ? [result] : [])
    }

    private func openCleaned(at baseOffset: Int64, _ place: LogPlace, now: Int64) throws(LogError) -> LogSegment {
        let files = place.files(baseOffset)
        let data = try FileSegmentData(path: files.log, creating: false, now: now, faults: place.faults)
        let segment = LogSegment(baseOffset: baseOffset, data: data, files: files, now: now)
        if try !segment.useIndexFiles() {
            try segment.rebuildIndex(indexIntervalBytes: config.indexIntervalBytes)
            _ = try segment.loadAborted()
            try segment.close(faults: place.faults)
        }
        return segment
    }

    /// Everything before `offset` was cleaned.
    func markCleaned(before offset: Int64) throws(LogError) {
        try markDirty()
        firstDirtyOffset = max(firstDirtyOffset, offset)
        try saveCheckpoint()
    }
}
