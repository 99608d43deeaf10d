import NIOCore
import NIOSSL

extension ChannelHandlerContext {
    /// The certificate that the other side has shown, accepted or not, for saying what is wrong with it.
    var presentedCertificate: NIOSSLCertificate? {
        try? pipeline.syncOperations.handler(type: NIOSSLClientHandler.self).peerCertificate
    }
}

extension NIOSSLCertificate {
    /// The objection that its dates raise at a time, in seconds since 1970; nil when it is valid then.
    ///
    /// TLS libraries tell only that a certificate was not accepted; the commonest reasons can be seen on it.
    func complaint(at now: Double) -> String? {
        if Double(notValidAfter) < now {
            return "expired \(WallTime.text(Double(notValidAfter)))"
        }
        if Double(notValidBefore) > now {
            return
                "not valid before \(WallTime.text(Double(notValidBefore))), and here it is \(WallTime.text(now)); compare the clocks"
        }
        return nil
    }
}
