package import NIOCore

/// The part of its life that a connection is in, and until when it may be in it. There is always an end.
package struct RequestPhase {
    package enum Kind: Sendable, Hashable {
        /// For the next request: nothing of it has come.
        case idle
        /// For the rest of a request's header.
        case head
        /// For the rest of its body.
        case body
        /// For us to answer, and for the client to take the answer.
        case answer
    }

    private let limits: ConnectionLimits
    private var heads = 0
    private var ends = 0
    private var answers = 0
    /// True if bytes have come since the last header.
    private var isBegun = true
    private var current: (kind: Kind, request: Int)
    package private(set) var deadline: NIODeadline

    package var kind: Kind { current.kind }

    /// A connection that has just been made: what it wants it has to say at once.
    package init(_ limits: ConnectionLimits, at now: NIODeadline) {
        self.limits = limits
        current = (.head, 0)
        deadline = now + limits.head
    }

    package mutating func bytesCame(at now: NIODeadline) {
        isBegun = true
        update(now)
    }

    package mutating func headCame(at now: NIODeadline) {
        heads += 1
        isBegun = false
        update(now)
    }

    package mutating func endCame(at now: NIODeadline) {
        ends += 1
        isBegun = false
        update(now)
    }

    /// The client has taken the whole answer, or the system has it.
    package mutating func answered(at now: NIODeadline) {
        answers += 1
        update(now)
    }

    private mutating func update(_ now: NIODeadline) {
        // A request may be answered before its body has come; requests may come before the last one is answered.
        let next: (kind: Kind, request: Int)
        if answers < ends {
            next = (.answer, answers)
        } else if heads > ends {
            next = (.body, ends)
        } else {
            next = (isBegun ? .head : .idle, ends)
        }
        guard next != current else { return }
        current = next
        let limit =
            switch next.kind {
            case .idle: limits.idle
            case .head: limits.head
            case .body: limits.body
            case .answer: limits.answer
            }
        deadline = now + limit
    }
}
