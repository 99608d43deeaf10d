internal import Glibc
package import NIOCore

/// The address that a client is known by: of IPv6 the first 64 bits, since whoever has one such address has all of
/// them.
package struct ClientAddress: Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ address: SocketAddress?) {
        let text = address?.ipAddress ?? "an unknown address"
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, text, &bytes) == 1 else {
            description = text
            return
        }
        if bytes.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] {
            // An address of IPv4, on a socket for both.
            description = bytes.suffix(4).map { String($0) }.joined(separator: ".")
        } else if bytes.prefix(8).allSatisfy({ $0 == 0 }) {
            description = text
        } else {
            let groups = stride(from: 0, to: 8, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
            description = groups.map { String($0, radix: 16) }.joined(separator: ":") + "::/64"
        }
    }
}
