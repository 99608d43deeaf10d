import NIOCore

/// A connection as ``RequestMemory`` sees it.
protocol RequestReader: AnyObject {
    /// Bytes of the request that has begun and not ended; nil between requests.
    var unfinished: UnfinishedRequest? { get }
    /// May read on.
    func mayReadAgain()
    /// Has to go, since it holds memory that others wait for.
    func giveUp(because reason: String)
}

/// The part of a request that has arrived.
struct UnfinishedRequest {
    var arrived: Int
    var missing: Int
}

/// The memory of all requests that are arriving or being handled (Kafka's `queued.max.request.bytes`).
///
/// It counts what has arrived, never what was announced. When it is used up, connections in the middle of a large request
/// are not read from until others are done; what one read brings is always taken, so that small requests go through. The
/// one that lacks least goes first. Whoever then delivers nothing has to go: it would keep all others out.
final class RequestMemory {
    private let limit: Int
    private let loop: NIOIsolatedEventLoop
    private(set) var used = 0
    private var waiting: [ObjectIdentifier: any RequestReader] = [:]
    /// Connections in the middle of a large request, and when something of it came last.
    private var holders: [ObjectIdentifier: Holder] = [:]
    /// The connection that may read although there is no memory.
    private var favoured: Favoured?
    private var timer: Scheduled<Void>?

    private struct Holder {
        let reader: any RequestReader
        let lastArrival: Int64
    }

    private struct Favoured {
        let reader: any RequestReader
        let since: Int64
        var arrived: Int
        var lastProgress: Int64
    }

    /// Requests below this are read as they come.
    static let smallRequest = 1 << 16
    /// Time that others wait for a connection that delivers nothing, in milliseconds.
    static let longestStall: Int64 = 3_000
    /// Time that they wait for one that is slow, in milliseconds.
    static let longestFavour: Int64 = 30_000

    init(limit: Int, loop: NIOIsolatedEventLoop) {
        self.limit = limit < 0 ? .max : limit
        self.loop = loop
    }

    /// - Parameter difference: by how much the requests of a connection grew or shrank.
    func change(by difference: Int, of reader: any RequestReader) {
        guard difference != 0 else { return }
        used += difference
        if difference < 0 {
            letOthersRead()
        } else if reader.unfinished?.arrived ?? 0 >= Self.smallRequest {
            holders[ObjectIdentifier(reader)] = Holder(reader: reader, lastArrival: Clock().steadyTime())
        }
    }

    func mayRead(_ reader: any RequestReader) -> Bool {
        guard used >= limit, reader.unfinished?.arrived ?? 0 >= Self.smallRequest else { return true }
        return favoured?.reader === reader
    }

    /// Called back when there is memory again.
    func wait(_ reader: any RequestReader) {
        waiting[ObjectIdentifier(reader)] = reader
        if favoured == nil { favourNext() }
        watch()
    }

    /// The connection is gone, or has what it waited for.
    func remove(_ reader: any RequestReader) {
        guard !holders.isEmpty || !waiting.isEmpty || favoured != nil else { return }
        holders[ObjectIdentifier(reader)] = nil
        waiting[ObjectIdentifier(reader)] = nil
        guard favoured?.reader === reader else { return }
        favoured = nil
        letOthersRead()
    }

    private func letOthersRead() {
        guard !waiting.isEmpty else { return }
        if used < limit {
            let readers = Array(waiting.values)
            waiting.removeAll()
            for reader in readers { reader.mayReadAgain() }
        } else if favoured == nil {
            favourNext()
        }
    }

    private func favourNext() {
        guard let next = waiting.values.min(by: { missing($0) < missing($1) }) else { return }
        waiting[ObjectIdentifier(next)] = nil
        let now = Clock().steadyTime()
        favoured = Favoured(reader: next, since: now, arrived: next.unfinished?.arrived ?? 0, lastProgress: now)
        next.mayReadAgain()
    }

    private func missing(_ reader: any RequestReader) -> Int { reader.unfinished?.missing ?? 0 }

    private func watch() {
        guard timer == nil, !waiting.isEmpty || favoured != nil else { return }
        timer = loop.scheduleTask(in: .milliseconds(500)) { [weak self] in
            guard let self else { return }
            timer = nil
            endStalled()
            checkFavoured()
            watch()
        }
    }

    private func checkFavoured() {
        guard var favoured else { return favourNext() }
        let now = Clock().steadyTime()
        guard let unfinished = favoured.reader.unfinished else { return remove(favoured.reader) }
        if unfinished.arrived > favoured.arrived {
            favoured.arrived = unfinished.arrived
            favoured.lastProgress = now
            self.favoured = favoured
        }
        let isStalled = now - favoured.lastProgress >= Self.longestStall || now - favoured.since >= Self.longestFavour
        guard isStalled, !waiting.isEmpty || used >= limit else { return }
        end(favoured.reader)
    }

    /// Ends connections that others wait for and that could have sent more, but did not.
    private func endStalled() {
        let now = Clock().steadyTime()
        for (id, holder) in holders where used >= limit && !waiting.isEmpty {
            guard waiting[id] == nil, favoured?.reader !== holder.reader,
                now - holder.lastArrival >= Self.longestStall
            else { continue }
            end(holder.reader)
        }
    }

    private func end(_ reader: any RequestReader) {
        if let unfinished = reader.unfinished {
            reader.giveUp(
                because: "\(unfinished.arrived) bytes of a request of \(unfinished.arrived + unfinished.missing) came, "
                    + "and others wait for the memory (queued.max.request.bytes)")
        }
        remove(reader)
    }
}
