import Logging
import NIOSSL

/// The TLS context for a cluster's next connection: rebuilt when a file that it came from has changed.
///
/// Files are compared by their contents, since those of a mounted secret change without a new name or time.
struct TLSContexts {
    private let settings: TLSSettings
    private let logger: Logger
    private var current: (material: TLSMaterial, context: NIOSSLContext)?
    private var isDistrusted = false
    /// The last message about the files, so that it is logged once.
    private var complaint: KafkaError.Reason?

    init(_ settings: TLSSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// The contents of the files now; the ones before when they cannot be used, since a certificate and its key are
    /// seldom replaced in one moment.
    mutating func next() throws(KafkaError.Reason) -> NIOSSLContext {
        do {
            let (material, context) = try settings.context(unless: isDistrusted ? nil : current?.material)
            complaint = nil
            if let context {
                if let current, current.material != material {
                    logger.info("TLS files have changed; new connections use them")
                }
                current = (material, context)
                isDistrusted = false
            }
        } catch {
            guard let current else { throw error }
            if complaint != error {
                logger.warning(
                    "TLS files cannot be used; the old ones stay in use", metadata: ["reason": "\(error.words)"])
            }
            complaint = error
            return current.context
        }
        guard let current else { preconditionFailure("the first context is made or an error is thrown") }
        return current.context
    }

    /// Has everything read again: roots of the system, which have no file here, may be what has changed.
    mutating func distrust() {
        isDistrusted = true
    }
}
