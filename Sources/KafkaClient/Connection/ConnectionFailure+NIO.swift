import NIOCore
import NIOPosix
import NIOSSL

extension ConnectionFailure {
    /// What NIO reports, in our terms.
    init(describing error: any Error) {
        switch error {
        case let error as NIOConnectionError: self.init(error)
        case let error as IOError: self.init(error)
        case ChannelError.connectTimeout(let amount): self = .connectTimedOut(after: Duration(amount))
        case ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed, ChannelError.eof: self = .closedByBroker
        case let error as NIOSSLError: self = .tls(Self.text(error))
        case let error as NIOSSLExtraError: self = .tls(Self.text(error))
        case let error as BoringSSLError: self = .tls("\(error)")
        default: self = .lost("\(error)")
        }
    }

    private init(_ error: NIOConnectionError) {
        // Several addresses may have been tried; the last attempt speaks for them.
        if let attempt = error.connectionErrors.last {
            self.init(describing: attempt.error)
        } else if let lookup = error.dnsAError ?? error.dnsAAAAError {
            self = .nameNotResolved(host: error.host, reason: "\(lookup)")
        } else {
            self = .unreachable("no address of \(error.host) could be connected to")
        }
    }

    private init(_ error: IOError) {
        switch error.errnoCode {
        case ECONNREFUSED: self = .refused
        case ECONNRESET, EPIPE: self = .closedByBroker
        case EHOSTUNREACH, ENETUNREACH, ENETDOWN, EADDRNOTAVAIL: self = .unreachable("\(error)")
        case ETIMEDOUT: self = .lost("the network gave up waiting for an acknowledgement")
        default: self = .lost("\(error)")
        }
    }

    private static func text(_ error: NIOSSLError) -> String {
        switch error {
        case .handshakeFailed(let cause):
            "handshake failed: \(cause); check that the listener speaks TLS and which certificates each side trusts"
        case .unableToValidateCertificate:
            "the broker's certificate is for another host name; connect by a name that it carries, or set tls.serverName"
        case .noCertificateToValidate: "the broker sent no certificate"
        default: "\(error)"
        }
    }

    private static func text(_ error: NIOSSLExtraError) -> String {
        error == .failedToValidateHostname
            ? "the broker's certificate is for another host name (\(error)); connect by a name that it carries, or set tls.serverName"
            : "\(error)"
    }
}
