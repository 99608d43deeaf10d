extension RandomAccessCollection where Index == Int {
    /// Index of the first element for which `holds`, which holds for all that follow; `endIndex` when for none.
    func partitioningIndex(where holds: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if holds(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
