internal import KafkaClient

/// Reach of an address that is listened on.
package enum HTTPListener {
    /// Returns true if only this machine reaches it. Names other than localhost may be any address, so they count as
    /// open.
    package static func isLoopback(_ host: String) -> Bool {
        let text = host.lowercased()
        if text == "localhost" || text.hasPrefix("localhost.") || text.hasPrefix("::ffff:127.") { return true }
        if isIPv4(text) { return text.hasPrefix("127.") }
        return isZeros(text) && text.last == "1"
    }

    /// Returns true if it stands for every address of the machine.
    package static func isWildcard(_ host: String) -> Bool {
        if isIPv4(host) { return host.allSatisfy { $0 == "0" || $0 == "." } }
        return host.contains(":") && host.allSatisfy { $0 == "0" || $0 == ":" }
    }

    private static func isIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Returns true if all but the last digit of an address of IPv6 is zero.
    private static func isZeros(_ host: String) -> Bool {
        host.contains(":") && host.dropLast().allSatisfy { $0 == "0" || $0 == ":" }
    }
}
