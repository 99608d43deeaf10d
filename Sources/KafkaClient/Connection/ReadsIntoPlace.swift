import NIOCore

/// Lets a channel read into the buffers of the frames themselves, so that nothing of an answer is copied but its head.
///
/// The channel asks for a buffer before each read, appends what the kernel has, and hands it down the pipeline. That
/// needs one read at a time (`maxMessagesPerRead` 1): the pool that a channel has otherwise keeps buffers, and a kept
/// buffer is copied when it is written to.
struct ReadsIntoPlace: RecvByteBufferAllocator {
    let handler: NIOLoopBound<ConnectionHandler>

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        handler.value.room()
    }

    /// A size in place of nil would let the channel choose a buffer itself.
    func nextBufferSize() -> Int? { nil }

    /// True has the channel ask for a buffer each time.
    func record(actualReadBytes: Int) -> Bool { true }
}
