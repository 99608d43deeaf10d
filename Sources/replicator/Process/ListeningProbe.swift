internal import Glibc
internal import NIOCore

/// Finds out whether an address can be listened on, without listening: who connects meanwhile is refused, as before, and
/// not left with a connection that nobody serves.
enum ListeningProbe {
    /// - Throws: `SocketAddressError` for a host that is unknown, else an `IOError` with the system's reason.
    static func check(host: String, port: Int) throws {
        let address = try SocketAddress.makeAddressResolvingHost(host, port: port)
        let descriptor = socket(address.protocol.rawValue, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        defer { close(descriptor) }
        var isOn: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<CInt>.size))
        let status = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) }
        guard status == 0 else { throw IOError(errnoCode: errno, reason: "bind") }
    }
}
