internal import KafkaClient
internal import KafkaWire
internal import PlainText
internal import Replication

/// Looks for others who may write to copies that keep the offsets of their source: one record of theirs takes a place.
struct WriterExamination: Sendable {
    let settings: FlowSettings
    let target: ClusterClient

    private static let shown = 5

    /// - Parameter copies: topics of the flow on the target, those that it would create too.
    func examine(_ copies: [String]) async -> [Finding] {
        guard settings.offsets == .preserve, !copies.isEmpty else { return [] }
        let cluster = settings.target.name
        let why =
            "a record of another writer takes an offset that is a record's, and stops the partition (offsets: preserve)"
        do throws(KafkaError) {
            let writers = ForeignWriters(try await target.accessRules())
            let own = MissingPermission.principal(of: settings.target)
            // Who a certificate or a token stands for is not known here.
            let unless = own.contains("<") ? ", unless that is \(own.dropFirst("User:".count)), as which we write" : ""
            var found: [ForeignWriters.Writer: [String]] = [:]
            for copy in copies {
                for writer in writers.writers(of: copy, besides: own) { found[writer, default: []].append(copy) }
            }
            guard !found.isEmpty else {
                return [
                    Finding(
                        .ok, "writers", cluster,
                        "no access rule lets others write to \(copies.count.counted("copy", "copies"))")
                ]
            }
            return found.sorted { $0.key.principal < $1.key.principal }.map { writer, topics in
                let more = topics.count > Self.shown ? " and \(topics.count - Self.shown) more" : ""
                return Finding(
                    .warning, "writers", writer.principal.printable(),
                    "may write to \(topics.prefix(Self.shown).joined(separator: ", "))\(more) on \(cluster): \(writer.rule)\(unless)",
                    why: why, remedy: remedy(writer, topics))
            }
        } catch  where error.code == .securityDisabled {
            return [
                Finding(
                    .warning, "writers", cluster, "has no authorizer: everybody may write to the copies", why: why,
                    remedy: "see that nobody else does")
            ]
        } catch {
            let missing = MissingPermission(.describe, on: .cluster, of: settings.target)
            return [
                Finding(
                    .warning, "writers", cluster, "cannot tell who else may write to the copies: \(error.reason.words)",
                    why: why,
                    remedy: error.isAuthorization ? missing.command : "see that nobody else does")
            ]
        }
    }

    /// A narrow rule is taken away; of a wide one the topics are taken out, by a rule that denies. One that is about everybody is
    /// about us too, and would have to be replaced by rules for those who need it.
    private func remedy(_ writer: ForeignWriters.Writer, _ topics: [String]) -> String {
        let tool = "kafka-acls.sh \(settings.target.toolOptions)"
        let names = topics.prefix(20).map { "--topic \($0.shellQuoted)" }.joined(separator: " ")
        let principal = writer.principal.shellQuoted
        guard writer.principal != "User:*" else {
            return "replace the rule by rules for those who need it; it is about every principal: \(tool) --list"
        }
        guard writer.rule.pattern == .literal, writer.rule.name != "*" else {
            return "\(tool) --add --deny-principal \(principal) --operation Write \(names)"
        }
        let operation = writer.rule.operation == .all ? "All" : "Write"
        return "\(tool) --remove --allow-principal \(principal) --operation \(operation) \(names)"
    }
}
