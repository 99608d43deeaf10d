/// Decision about one value on the target, given what the source wants, what is there, and what we last put there.
///
/// ```
///   wanted   there    ours     verdict
///   -        -        -        keep             nobody wants anything
///   w        w        any      keep or adopt    both agree
///   w        - or o   -/o      set              nobody but us has touched it
///   -        o        o        reset            the source no longer sets what we set
///   w        x        o or -   foreign          others have set or removed the value
/// ```
package enum ThreeWayMerge<Value: Hashable & Sendable>: Hashable, Sendable {
    case keep
    /// Both sides agree; from now on the value counts as ours.
    case adopt(Value)
    case set(from: Value?, to: Value)
    /// Nil never comes from us: there was a value, and we had set it.
    case reset(from: Value)
    /// The value is nobody's any more.
    case forget
    /// Others changed the value: it stays. `isOver` says that the source does not want anything either, so
    /// that the value is theirs from now on.
    case foreign(there: Value?, wanted: Value?, isOver: Bool)

    /// - Parameters:
    ///   - adopts: whether a value that is equal on both sides counts as ours, even if we never set it.
    ///   - overwrites: whether a value that others changed is replaced all the same.
    package init(wanted: Value?, there: Value?, ours: Value?, adopts: Bool, overwrites: Bool = false) {
        switch (wanted, there) {
        case (nil, nil):
            self = ours == nil ? .keep : .forget
        case (let wanted?, let there?) where wanted == there:
            self = ours == wanted || (ours == nil && !adopts) ? .keep : .adopt(wanted)
        case (nil, let there?):
            if ours == nil {
                self = .keep
            } else if ours == there || overwrites {
                self = .reset(from: there)
            } else {
                self = .foreign(there: there, wanted: nil, isOver: true)
            }
        case (let wanted?, let there):
            self =
                ours == there || overwrites
                ? .set(from: there, to: wanted) : .foreign(there: there, wanted: wanted, isOver: false)
        }
    }
}
