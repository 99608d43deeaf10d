internal import BoundedExpressions

/// `ssl.principal.mapping.rules` (KIP-371): how a certificate's name becomes a user's.
///
/// The first rule whose pattern fits the whole name decides; `DEFAULT` takes the name as it is. A name that no rule fits
/// is nobody's: its connection is closed, as Kafka does. Without rules every name is taken as it is.
struct PrincipalMapping: Sendable {
    private enum LetterCase {
        case asIs, lower, upper
    }

    private enum Rule {
        case asIs
        case rewrite(BoundedExpression, replacement: String, LetterCase)
    }

    private let rules: [Rule]

    init(parsing text: String) throws(BrokerError) {
        var rules: [Rule] = []
        for part in Self.split(text) {
            guard part != "DEFAULT" else {
                rules.append(.asIs)
                continue
            }
            guard let rule = Self.rule(part) else {
                throw .invalidSettings(
                    "ssl.principal.mapping.rules: \"\(part)\" is neither DEFAULT nor RULE:pattern/replacement/[LU]")
            }
            rules.append(rule)
        }
        self.rules = rules
    }

    /// - Returns: nil when there are rules and none fits.
    func name(for distinguishedName: String) -> String? {
        for rule in rules {
            guard case .rewrite(let pattern, let replacement, let letterCase) = rule else { return distinguishedName }
            let groups: [String]?
            do throws(UndecidedMatch) {
                groups = try pattern.groups(in: distinguishedName)
            } catch {
                // Whoever presents the name must not choose which rule applies by making another one give up.
                return nil
            }
            guard let groups else { continue }
            let name = Self.fill(replacement, from: groups)
            switch letterCase {
            case .asIs: return name
            case .lower: return name.lowercased()
            case .upper: return name.uppercased()
            }
        }
        return rules.isEmpty ? distinguishedName : nil
    }

    /// Replaces `$1` and the like by what the pattern's groups hold.
    private static func fill(_ replacement: String, from groups: [String]) -> String {
        var name = ""
        var rest = Substring(replacement)
        while let next = rest.popFirst() {
            switch next {
            case "$":
                guard let digit = rest.first?.wholeNumberValue else {
                    name.append(next)
                    continue
                }
                rest.removeFirst()
                if groups.indices.contains(digit) { name += groups[digit] }
            case "\\": if let escaped = rest.popFirst() { name.append(escaped) }
            default: name.append(next)
            }
        }
        return name
    }

    /// Rules are separated by commas, which patterns contain too: a rule ends where the next begins.
    private static func split(_ text: String) -> [String] {
        var parts: [String] = []
        for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
            let trimmed = piece.trimmed
            if trimmed.hasPrefix("RULE:") || trimmed == "DEFAULT" || parts.isEmpty {
                parts.append(String(trimmed))
            } else {
                parts[parts.count - 1] += "," + piece
            }
        }
        return parts.map { String($0.trimmed) }.filter { !$0.isEmpty }
    }

    private static func rule(_ text: String) -> Rule? {
        guard text.hasPrefix("RULE:") else { return nil }
        var fields = [""]
        var isEscaped = false
        for character in text.dropFirst(5) {
            if character == "/", !isEscaped {
                fields.append("")
            } else {
                fields[fields.count - 1].append(character)
            }
            isEscaped = character == "\\" && !isEscaped
        }
        guard fields.count == 3, let pattern = try? BoundedExpression(fields[0]) else { return nil }
        switch fields[2] {
        case "": return .rewrite(pattern, replacement: fields[1], .asIs)
        case "L": return .rewrite(pattern, replacement: fields[1], .lower)
        case "U": return .rewrite(pattern, replacement: fields[1], .upper)
        default: return nil
        }
    }
}
