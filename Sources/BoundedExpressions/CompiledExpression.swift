internal import CPCRE2

/// Owns PCRE2's compiled form of an expression.
///
/// `@unchecked`, since the compiler cannot see through a pointer into C. Proof: the only member is a constant; PCRE2
/// changes a `pcre2_code` while it compiles it and while it makes machine code of it, both of which ``init`` has done
/// before anybody else has the object; from then on it is only read (pcre2api, "Multithreading"), with match data that
/// each call makes for itself, until the last reference is gone and `deinit` frees it.
final class CompiledExpression: @unchecked Sendable {
    private let code: OpaquePointer
    private let canReadOnce: Bool

    /// - Parameter canReadOnce: whether the algorithm that never goes back gives the same answers.
    init(_ pattern: String, canReadOnce: Bool) throws(InvalidExpression.Reason) {
        guard pattern.utf8.count <= Limits.expressionBytes else {
            throw InvalidExpression.Reason(text: "it is longer than \(Limits.expressionBytes) bytes")
        }
        guard let context = pcre2_compile_context_create_8(nil) else {
            throw InvalidExpression.Reason(text: "there is no memory for it")
        }
        defer { pcre2_compile_context_free_8(context) }
        pcre2_set_parens_nest_limit_8(context, Limits.nesting)
        pcre2_set_bsr_8(context, UInt32(PCRE2_BSR_UNICODE))
        pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_ANY))
        // Whole texts: anchored at both ends. A text of Swift's is always valid UTF-8.
        let options =
            PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL
            | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C
        var error: Int32 = 0
        var offset = 0
        let bytes = Array(pattern.utf8)
        let code = bytes.withUnsafeBufferPointer {
            pcre2_compile_8($0.baseAddress, bytes.count, options, &error, &offset, context)
        }
        guard let code else { throw InvalidExpression.Reason(text: Self.text(of: error)) }
        // Where no machine code may be made, matching is slower and the answers are the same.
        _ = pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE))
        self.code = code
        self.canReadOnce = canReadOnce
    }

    deinit { pcre2_code_free_8(code) }

    /// - Parameter value: what to make of a match, given the ranges of bytes of its groups.
    func match<Value>(
        _ subject: String, as expression: BoundedExpression, needsGroups: Bool = false,
        _ value: ([Range<Int>]) -> Value
    ) throws(UndecidedMatch) -> Value? {
        let data = needsGroups ? pcre2_match_data_create_from_pattern_8(code, nil) : pcre2_match_data_create_8(1, nil)
        guard let data, let context = Limits.context else {
            throw UndecidedMatch(expression: expression.text, subject: subject, reason: "there is no memory")
        }
        defer { pcre2_match_data_free_8(data) }
        var subject = subject
        let result = subject.withUTF8 { bytes in
            var result = pcre2_match_8(code, bytes.baseAddress, bytes.count, 0, PCRE2_NO_UTF_CHECK, data, context)
            if result == PCRE2_ERROR_JIT_STACKLIMIT {
                result = pcre2_match_8(
                    code, bytes.baseAddress, bytes.count, 0, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, context)
            }
            if Self.isLimit(result), canReadOnce, !needsGroups, bytes.count <= Limits.readOnceBytes {
                result = readOnce(bytes, data, context)
            }
            return result
        }
        if result == PCRE2_ERROR_NOMATCH { return nil }
        // 0: more groups than there is room for, which nobody has asked for.
        guard result >= 0 else {
            throw UndecidedMatch(expression: expression.text, subject: subject, reason: Self.reason(of: result))
        }
        return value(needsGroups ? Self.ranges(in: data) : [])
    }

    private func readOnce(
        _ bytes: UnsafeBufferPointer<UInt8>, _ data: OpaquePointer, _ context: OpaquePointer
    ) -> Int32 {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: Limits.workspace) { workspace in
            pcre2_dfa_match_8(
                code, bytes.baseAddress, bytes.count, 0, PCRE2_NO_UTF_CHECK, data, context, workspace.baseAddress,
                workspace.count)
        }
    }

    /// A group that took no part is an empty range.
    private static func ranges(in data: OpaquePointer) -> [Range<Int>] {
        let pairs = Int(pcre2_get_ovector_count_8(data))
        guard let vector = pcre2_get_ovector_pointer_8(data) else { return [] }
        return (0..<pairs).map { pair in
            let start = vector[2 * pair], end = vector[2 * pair + 1]
            // PCRE2_UNSET is the largest number there is; `\K` can put a start behind its end.
            return start <= end && end <= Int.max ? Int(start)..<Int(end) : 0..<0
        }
    }

    private static func isLimit(_ result: Int32) -> Bool {
        [PCRE2_ERROR_MATCHLIMIT, PCRE2_ERROR_DEPTHLIMIT, PCRE2_ERROR_HEAPLIMIT].contains(result)
    }

    private static func reason(of result: Int32) -> String {
        isLimit(result)
            ? "it tries too many ways to match it; write it without repetitions of repetitions, such as (a+)+"
            : text(of: result)
    }

    private static func text(of error: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = pcre2_get_error_message_8(error, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer.prefix(Int(count)), as: UTF8.self) : "error \(error)"
    }
}
