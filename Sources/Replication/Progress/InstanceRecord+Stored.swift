internal import NIOCore

extension InstanceRecord {
    /// Nil for what is to be removed.
    func value() throws -> ByteBuffer? {
        switch self {
        case .pause(_, let pause): try pause.map { try StateCheck.json($0) }
        case .retry(_, let command): try command.map { try StateCheck.json($0) }
        case .limit(_, let limit): try limit.map { try StateCheck.json($0) }
        case .report(_, let report): try report.map { try StateCheck.json($0) }
        }
    }

    /// - Parameter value: nil for a tombstone.
    /// - Throws: ``ImpossibleState``.
    init(_ key: Key, value: ByteBuffer?) throws {
        switch key {
        case .pause(let scope):
            self = .pause(scope, try value.map { try StateCheck.decode(PauseRecord.self, from: $0) })
        case .retry(let scope):
            self = .retry(scope, try value.map { try StateCheck.decode(RetryCommand.self, from: $0) })
        case .limit(let instance):
            let limit = try value.map { try StateCheck.decode(LimitRecord.self, from: $0) }
            if let rate = limit?.bytesPerSecond, !(1...InstanceReport.largest).contains(rate) {
                throw ImpossibleState("a limit is \(rate)")
            }
            self = .limit(instance, limit)
        case .report(let instance):
            let report = try value.map { try StateCheck.decode(InstanceReport.self, from: $0) }
            try report?.check()
            self = .report(instance, report)
        }
    }
}
