internal import NIOSSL

extension ForeignError {
    static func words(_ error: NIOSSLError) -> String {
        switch error {
        case .handshakeFailed(let cause), .shutdownFailed(let cause): words(cause)
        case .uncleanShutdown: "the other side closed the connection without the closing message that TLS requires"
        case .writeDuringTLSShutdown, .readInInvalidTLSState: "the connection was closed"
        case .noSuchFilesystemObject: "no such file"
        case .failedToLoadCertificate: "it holds no certificate that can be read"
        case .failedToLoadPrivateKey: "it holds no private key that can be read"
        case .noCertificateToValidate: "the other side sent no certificate"
        case .unableToValidateCertificate: "the certificate is for another host name"
        case .cannotMatchULabel: "the host name has characters that certificates do not have"
        case .cannotFindPeerIP: "the other side's address is not known"
        default: "TLS failed"
        }
    }

    static func words(_ error: BoringSSLError) -> String {
        switch error {
        case .sslError(let stack), .unknownError(let stack), .invalidSNIName(let stack), .failedToSetALPN(let stack):
            stack.first.map { boringSSL("\($0)") } ?? "TLS failed"
        case .zeroReturn: "the other side ended the connection"
        case .syscallError: "the connection broke"
        default: "TLS failed"
        }
    }

    /// BoringSSL's name of an error, in words and as it is: `Error: 268435703 error:100000f7:SSL
    /// routines:OPENSSL_internal:WRONG_VERSION_NUMBER at FILE:LINE`.
    private static func boringSSL(_ text: String) -> String {
        guard let found = text.firstMatch(of: /OPENSSL_internal:([A-Za-z0-9_ ]+?)( at |$)/) else {
            return text.contains("EOF") ? "the other side closed the connection during the handshake" : "TLS failed"
        }
        let name = String(found.output.1)
        let words =
            switch name {
            case "WRONG_VERSION_NUMBER": "the other side does not speak TLS"
            case "HTTP_REQUEST": "the other side speaks HTTP, not TLS"
            default: name.lowercased().replacing("_", with: " ")
            }
        return "\(words) (\(name))"
    }
}
