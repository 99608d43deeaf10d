import Synchronization

/// Idle contexts of a C library that are costly to create. Each is handed to one caller at a time.
final class ContextPool<Context: AnyObject & Sendable>: Sendable {
    private let idle = Mutex<[Context]>([])
    private let create: @Sendable () -> Context?
    private let isWorthKeeping: @Sendable (Context) -> Bool

    /// More idle contexts than cores that could use them are only memory.
    private static var capacity: Int { 64 }

    /// - Parameter isWorthKeeping: false for a context that has grown too large to lie idle.
    init(
        create: @escaping @Sendable () -> Context?,
        isWorthKeeping: @escaping @Sendable (Context) -> Bool = { _ in true }
    ) {
        self.create = create
        self.isWorthKeeping = isWorthKeeping
    }

    /// Runs `body` with a context that nobody else has meanwhile; nil when the library could not make one.
    ///
    /// A context whose `body` threw is dropped: what broken input leaves in it must not meet the next one's.
    func withContext<Value, Failure: Error>(
        _ body: (Context) throws(Failure) -> Value
    ) throws(Failure) -> Value? {
        guard let context = idle.withLock({ $0.popLast() }) ?? create() else { return nil }
        let value = try body(context)
        if isWorthKeeping(context) {
            idle.withLock { if $0.count < Self.capacity { $0.append(context) } }
        }
        return value
    }
}
