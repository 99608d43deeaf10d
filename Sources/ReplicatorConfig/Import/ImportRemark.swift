/// Sentence for the person who takes over an imported configuration.
struct ImportRemark: Hashable, Sendable {
    /// Meaning for what arrives on the target; what matters most comes first.
    enum Weight: Int, CaseIterable, Comparable, Sendable {
        /// The original did it, this program does not: other data arrives, or none.
        case lost
        /// The file is not complete before it is done.
        case toDo
        case differs
        case needless

        static func < (left: Weight, right: Weight) -> Bool { left.rawValue < right.rawValue }

        var title: String {
            switch self {
            case .lost: "NOT DONE HERE, although the original did it:"
            case .toDo: "To do before the first start:"
            case .differs: "Different here:"
            case .needless: "Left out, since it is not needed:"
            }
        }
    }

    var weight: Weight
    var text: String

    static func lost(_ text: String) -> ImportRemark { ImportRemark(weight: .lost, text: text) }
    static func toDo(_ text: String) -> ImportRemark { ImportRemark(weight: .toDo, text: text) }
    static func differs(_ text: String) -> ImportRemark { ImportRemark(weight: .differs, text: text) }
    static func needless(_ text: String) -> ImportRemark { ImportRemark(weight: .needless, text: text) }
}
