package import KafkaClient
package import ReplicatorConfig

/// The things that strangers can do at the HTTP address, when it is open to more than this machine and not protected.
package enum HTTPExposure {
    /// A sentence for the log; nil when the address is on loopback, or needs credentials that cross the network
    /// encrypted.
    package static func warning(_ address: HostAndPort, _ access: HTTPAccessSettings) -> String? {
        guard !HTTPListener.isLoopback(address.host) else { return nil }
        let isOpen = access.authentication == nil
        guard isOpen || access.tls == nil else { return nil }
        let reading = "read the names of clusters, topics and consumer groups, lag, errors and metrics"
        var message = "http.listen \(address) can be reached from other machines and is not protected: "
        if isOpen {
            message += "anyone who reaches it can \(reading), and pause and resume every flow; "
        } else {
            message += "passwords and tokens cross the network in the clear, and anyone who sees one can use it"
            message +=
                access.authentication?.anonymousMayRead == true ? "; anyone who reaches it can \(reading); " : "; "
        }
        let missing = [isOpen ? "http.authentication" : nil, access.tls == nil ? "http.tls" : nil].compactMap { $0 }
        return message + "set \(missing.joined(separator: " and ")), or listen on 127.0.0.1"
    }
}
