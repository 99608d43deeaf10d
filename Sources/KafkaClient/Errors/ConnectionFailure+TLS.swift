import ForeignErrors
import NIOSSL

extension ConnectionFailure {
    /// The failure in TLS, and a remedy for it.
    ///
    /// - Parameter certificate: what the other side has shown, if it got that far.
    static func tlsText(_ error: NIOSSLError, certificate: NIOSSLCertificate?) -> String {
        switch error {
        case .handshakeFailed(let cause): tlsText(cause, certificate)
        case .unableToValidateCertificate: otherHostName("")
        case .noCertificateToValidate: "the server sent no certificate"
        default: handshakeText(error)
        }
    }

    static func tlsText(_ error: NIOSSLExtraError) -> String {
        let words = ForeignError.words(error)
        return error == .failedToValidateHostname ? otherHostName(" (\(words))") : words
    }

    private static func otherHostName(_ detail: String) -> String {
        "the server's certificate is for another host name\(detail); connect by a name that it carries, or set tls.serverName"
    }

    /// - Parameter error: of BoringSSL. Alerts are what the other side complains about.
    static func tlsText(_ error: BoringSSLError, _ certificate: NIOSSLCertificate?) -> String {
        let cause = "\(error)"
        if cause.contains("CERTIFICATE_VERIFY_FAILED") {
            let why =
                certificate?.complaint(at: WallTime.now)
                ?? "not signed by a root that is trusted here; set tls.caFile to the root that signed it"
            return "the server's certificate is not accepted: \(why) (CERTIFICATE_VERIFY_FAILED)"
        }
        if let alert = alerts.first(where: { cause.contains($0.key) }) { return "\(alert.value) (\(alert.key))" }
        return handshakeText(error)
    }

    private static func handshakeText(_ error: any Error) -> String {
        "handshake failed: \(ForeignError.words(error)); check that the listener speaks TLS and which certificates each "
            + "side trusts"
    }

    /// TLS 1.3 lets a server refuse the client only after the client thinks that it is connected.
    private static let alerts: KeyValuePairs = [
        "ALERT_CERTIFICATE_REQUIRED":
            "the server asks for a client certificate; set tls.certificateFile or tls.keystoreFile",
        "ALERT_CERTIFICATE_EXPIRED": "the server says that our client certificate has expired; renew it",
        "ALERT_CERTIFICATE_REVOKED": "the server says that our client certificate was revoked",
        "ALERT_CERTIFICATE_UNKNOWN": "the server does not accept our client certificate; check what it trusts",
        "ALERT_UNSUPPORTED_CERTIFICATE": "the server does not accept this kind of client certificate",
        "ALERT_BAD_CERTIFICATE": "the server does not accept our client certificate, or got none that it wants",
        "ALERT_UNKNOWN_CA":
            "the server does not know who signed our client certificate; add that root to what it trusts",
        "ALERT_ACCESS_DENIED": "the server does not let our client certificate in",
        "ALERT_PROTOCOL_VERSION": "the server speaks neither TLS 1.2 nor 1.3 with us",
        "ALERT_UNRECOGNIZED_NAME": "the server does not know the host name that we asked for; see tls.serverName",
        "ALERT_HANDSHAKE_FAILURE":
            "the server refused the handshake: no common cipher, or it asks for a client certificate",
    ]
}
