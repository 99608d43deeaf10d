/// Does the same for each of many things, a bounded number at a time.
///
/// - Parameter width: how many at a time.
/// - Returns: what came of each.
package func concurrently<Item: Hashable & Sendable, Value: Sendable>(
    _ items: [Item], width: Int, _ body: @escaping @Sendable (Item) async -> Value
) async -> [Item: Value] {
    await withTaskGroup(of: (Item, Value).self) { tasks in
        var values: [Item: Value] = [:]
        values.reserveCapacity(items.count)
        var waiting = items.makeIterator()
        for _ in 0..<width {
            guard let item = waiting.next() else { break }
            tasks.addTask { (item, await body(item)) }
        }
        for await (item, value) in tasks {
            values[item] = value
            guard let next = waiting.next() else { continue }
            tasks.addTask { (next, await body(next)) }
        }
        return values
    }
}
