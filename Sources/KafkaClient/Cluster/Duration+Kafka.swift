import NIOCore

extension Duration {
    /// Whole milliseconds, as requests carry times; cut off at what an `int32` holds.
    var wireMilliseconds: Int32 { Int32(clamping: TimeAmount(self).nanoseconds / 1_000_000) }
}
