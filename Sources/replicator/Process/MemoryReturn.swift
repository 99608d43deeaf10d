internal import CMemory

/// Gives freed memory back to the system.
enum MemoryReturn {
    /// Bytes from which on a block is given back as soon as it is free.
    ///
    /// Lists of all partitions are made every few seconds and dropped at once. The C library keeps blocks of up to 32 MiB
    /// for the next who ask, and whatever is put between them keeps the rest from being given back: with 10,000
    /// partitions that was a quarter of the process. Buffers of the hot path are recycled, and larger or smaller than this.
    private static let block: Int32 = 1 << 20

    static func begin() { _ = return_large_blocks(block) }
}
