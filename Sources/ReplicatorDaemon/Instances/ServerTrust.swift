package import KafkaClient
internal import NIOCore
package import NIOSSL

/// Certificates that are accepted from a replicator's HTTP endpoint.
package enum ServerTrust: Sendable, Hashable {
    /// Certificates that the system's authorities have signed, for the host's name.
    case system
    /// Certificates that an authority in a PEM file has signed, for the host's name.
    case authorities(file: String, setting: String)
    /// The one in a PEM file, whatever it is called: the replicator's own, as its configuration names it.
    case certificate(file: String)

    /// A file that holds no certificate: which, and the setting that names it.
    package struct Unusable: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// - Returns: makes the handler of a connection.
    /// - Throws: ``Unusable`` when the file cannot be used.
    package func handlerMaker(for address: HostAndPort) throws -> @Sendable () throws -> NIOSSLClientHandler {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        let isAddress = (try? SocketAddress(ipAddress: address.host, port: address.port)) != nil
        let name = isAddress ? nil : address.host
        switch self {
        case .system:
            let context = try NIOSSLContext(configuration: configuration)
            return { try NIOSSLClientHandler(context: context, serverHostname: name) }
        case .authorities(let file, let setting):
            configuration.trustRoots = .certificates(try Self.certificates(file, setting))
            let context = try NIOSSLContext(configuration: configuration)
            return { try NIOSSLClientHandler(context: context, serverHostname: name) }
        case .certificate(let file):
            let own = try Self.certificates(file, "http.tls.certificateFile").first
            let context = try NIOSSLContext(configuration: configuration)
            return {
                try NIOSSLClientHandler(
                    context: context, serverHostname: name,
                    customVerificationCallback: { chain, verdict in
                        verdict.succeed(chain.first == own && own != nil ? .certificateVerified : .failed)
                    })
            }
        }
    }

    private static func certificates(_ file: String, _ setting: String) throws(Unusable) -> [NIOSSLCertificate] {
        do {
            let found = try NIOSSLCertificate.fromPEMFile(file)
            if !found.isEmpty { return found }
        } catch {
            throw Unusable(description: "\(setting) \"\(file)\" cannot be read, or holds no PEM certificate")
        }
        throw Unusable(description: "\(setting) \"\(file)\" holds no PEM certificate")
    }
}
