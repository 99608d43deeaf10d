extension Sequence {
    /// The first of all elements that are the same by `key`: what a request names a thousand times is told once, or its
    /// answer could take any amount of memory.
    func uniqued<Key: Hashable>(by key: (Element) -> Key) -> [Element] {
        var seen: Set<Key> = []
        return filter { seen.insert(key($0)).inserted }
    }
}
