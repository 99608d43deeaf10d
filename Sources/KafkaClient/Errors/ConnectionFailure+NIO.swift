import ForeignErrors
import NIOCore
import NIOPosix
import NIOSSL

extension ConnectionFailure {
    /// A failure that NIO reports, in our terms.
    ///
    /// - Parameter certificate: what the other side has shown, when TLS failed.
    init(describing error: any Error, certificate: NIOSSLCertificate? = nil) {
        switch error {
        case let error as NIOConnectionError: self.init(error)
        case let error as IOError: self.init(error)
        case ChannelError.connectTimeout(let amount): self = .connectTimedOut(after: Duration(amount))
        case ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed, ChannelError.eof: self = .closedByBroker
        case let error as NIOSSLError: self = .tls(Self.tlsText(error, certificate: certificate))
        case let error as NIOSSLExtraError: self = .tls(Self.tlsText(error))
        case let error as BoringSSLError: self = .tls(Self.tlsText(error, certificate))
        default: self = .lost(ForeignError.words(error))
        }
    }

    private init(_ error: NIOConnectionError) {
        // Several addresses may have been tried; the last attempt speaks for them.
        if let attempt = error.connectionErrors.last {
            self.init(describing: attempt.error)
        } else if let lookup = error.dnsAError ?? error.dnsAAAAError {
            self = .nameNotResolved(host: error.host, reason: ForeignError.words(lookup))
        } else {
            self = .unreachable("no address of \(error.host) could be connected to")
        }
    }

    private init(_ error: IOError) {
        switch error.errnoCode {
        case ECONNREFUSED: self = .refused
        case ECONNRESET, EPIPE: self = .closedByBroker
        case EHOSTUNREACH, ENETUNREACH, ENETDOWN, EADDRNOTAVAIL: self = .unreachable(ForeignError.words(error))
        case EMFILE, ENFILE: self = .descriptorsExhausted(limit: DescriptorReserve.limit)
        case ETIMEDOUT: self = .lost("the network gave up waiting for an acknowledgement")
        default: self = .lost(ForeignError.words(error))
        }
    }
}
