internal import CEarlySignals
internal import Glibc

/// A HUP that comes before the process can take its configuration over again: it is kept until it can.
///
/// The handler is one of C's: it is in place before the libraries of Swift begin, which take a moment.
enum EarlyHangup {
    /// Sends the process a HUP that has come, now that it is waited for.
    static func passOn() {
        if early_hangup_has_come() != 0 { kill(getpid(), SIGHUP) }
    }
}
