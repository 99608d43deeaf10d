/// Schedule by which a credential that expires is fetched again, and the one that is used meanwhile: pure, no I/O, no
/// clock.
///
/// Times are seconds since 1970.
package struct CredentialRenewal<Value> {
    package enum Step {
        /// This one still does.
        case use(Value)
        case renew
        /// The last attempt has failed, and it is too early for another.
        case wait(CredentialFailure)
    }

    private var held: (value: Value, since: Double, expiry: Double, renewal: Double)?
    private var failure: (cause: CredentialFailure, retry: Double)?
    private var failures = 0

    /// Share of its life after which a credential is renewed: as Kafka's clients do four fifths, give or take a
    /// twentieth, so that many do not come at once.
    private static var share: ClosedRange<Double> { 0.75...0.85 }
    private static var backoff: Backoff { Backoff(initial: .seconds(1), maximum: .seconds(60)) }

    package init() {}

    package func step(at now: Double) -> Step {
        if let held, now < held.renewal { return .use(held.value) }
        guard let failure, now < failure.retry else { return .renew }
        if let held, now < held.expiry { return .use(held.value) }
        return .wait(failure.cause)
    }

    /// A new one has come.
    ///
    /// - Parameter expiry: nil when its end is not known; then it is used once.
    package mutating func renewed(
        _ value: Value, expiry: Double?, at now: Double, using random: inout some RandomNumberGenerator
    ) {
        failure = nil
        failures = 0
        held = expiry.map { expiry in
            (value, now, expiry, now + max(0, expiry - now) * Double.random(in: Self.share, using: &random))
        }
    }

    /// The broker did not take it: it may have been revoked before its end, so another is worth a try. One that has
    /// just come is kept for a while, since another would be no better.
    package mutating func refused(at now: Double) {
        if let held, now - held.since > Self.trial { self.held = nil }
    }

    private static var trial: Double { 10 }

    /// None has come.
    ///
    /// - Returns: the old one, as long as it holds.
    package mutating func failed(
        _ cause: CredentialFailure, at now: Double, using random: inout some RandomNumberGenerator
    ) -> Value? {
        failures += 1
        failure = (cause, now + Self.backoff.delay(after: failures, using: &random) / .seconds(1))
        if let held, now < held.expiry { return held.value }
        held = nil
        return nil
    }
}
