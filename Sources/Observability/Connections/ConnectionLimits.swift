package import NIOCore

/// Bounds on what the clients of an HTTP server may hold: connections, and time on each of them.
package struct ConnectionLimits: Sendable, Hashable {
    /// Connections at one time.
    package var connections = 256
    /// Connections at one time from one address, so that one client cannot keep the others out.
    package var connectionsPerAddress = 128
    /// From the connection, or the first byte of a further request, to the end of a request's header. That includes the
    /// TLS handshake.
    package var head: TimeAmount = .seconds(5)
    /// From the end of the header to the end of the body.
    package var body: TimeAmount = .seconds(5)
    /// From the end of the request until the client has taken the whole answer.
    package var answer: TimeAmount = .seconds(60)
    /// From an answer to the next request.
    package var idle: TimeAmount = .seconds(30)
    /// Bytes of the request line and of each header field.
    package var fieldBytes = 16 << 10
    package var headBytes = 32 << 10
    package var fields = 100
    /// Nothing that is served here asks for a body.
    package var bodyBytes = 64 << 10

    /// Bytes of answers that clients have not taken yet, over all connections, above which no more are made.
    package var answerBytes = 64 << 20

    package init() {}

    /// The limits for a process that may have so many descriptors open: a quarter of them at most, since the others are
    /// for what the process is there for.
    package init(descriptors: UInt64) {
        connections = max(4, Int(min(UInt64(connections), descriptors / 4)))
        connectionsPerAddress = max(2, connections / 2)
    }
}
