internal import Glibc
internal import NIOCore

/// Finds out whether an address is free, before there is anybody to answer on it.
///
/// The address is bound and not listened on: the system takes connections in for whoever listens, and one that it has taken
/// in for a mere check is never answered.
package enum AddressCheck {
    /// - Throws: when the address cannot be listened on.
    package static func bind(host: String, port: Int) throws {
        let address = try SocketAddress.makeAddressResolvingHost(host, port: port)
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.protocol.rawValue, kind, 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        defer { close(descriptor) }
        // As the server has it: connections of an earlier process that are not quite over do no harm.
        var isReused: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isReused, socklen_t(MemoryLayout<Int32>.size))
        let result = address.withSockAddr { Glibc.bind(descriptor, $0, socklen_t($1)) }
        guard result == 0 else { throw IOError(errnoCode: errno, reason: "bind") }
    }
}
