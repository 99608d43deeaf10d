internal import Replication

extension EffectiveSettings {
    /// A finding for each difference of certain consequences, about all topics that have it.
    func findings(_ settings: FlowSettings, where isWanted: (SettingDifference.Consequence) -> Bool) -> [Finding] {
        summary.filter { isWanted($0.difference.consequence) }.map { difference, copies in
            let more = copies.count > 1 ? ", and that of \(copies.count - 1) more," : ""
            return Finding(
                difference.consequence == .refuses ? .error : .warning, difference.check, copies[0],
                "\(difference.key)\(more) is \(difference.target), at the source it is \(difference.source)",
                why: difference.consequence.words, remedy: difference.remedy(on: copies[0], settings))
        }
    }
}

extension SettingDifference {
    fileprivate var check: String {
        switch consequence {
        case .keepsLess: "retention"
        case .refuses: "limits"
        case .alters: "timestamps"
        case .isLessSafe: "replicas"
        }
    }
}
