import CCrypto
import CryptoPrimitives

/// A certificate's subject as Java's `X500Principal.getName()` writes it, which is what Kafka's principals are
/// (RFC 2253): the last part first, separated by commas.
struct DistinguishedName {
    let text: String

    /// The attributes that RFC 2253 has keywords for; all others are written as numbers with their value in hexadecimal.
    private static let keywords: [String: String] = [
        "2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O",
        "2.5.4.11": "OU", "0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
    ]

    /// - Parameter bytes: the certificate in DER. Nil when it cannot be read.
    init?(ofCertificate bytes: [UInt8]) {
        let parts: [(set: Int32, text: String)]? = bytes.withUnsafeBufferPointer { buffer in
            var start = buffer.baseAddress
            guard let certificate = d2i_X509(nil, &start, buffer.count) else { return nil }
            defer { X509_free(certificate) }
            guard let subject = X509_get_subject_name(certificate) else { return nil }
            return (0..<X509_NAME_entry_count(subject)).compactMap { index in
                guard let entry = X509_NAME_get_entry(subject, index) else { return nil }
                return (X509_NAME_ENTRY_set(entry), Self.describe(entry))
            }
        }
        guard let parts else { return nil }
        var sets: [(set: Int32, texts: [String])] = []
        for part in parts {
            if sets.last?.set == part.set {
                sets[sets.count - 1].texts.append(part.text)
            } else {
                sets.append((part.set, [part.text]))
            }
        }
        text = sets.reversed().map { $0.texts.joined(separator: "+") }.joined(separator: ",")
    }

    private static func describe(_ entry: OpaquePointer) -> String {
        let number = identifier(X509_NAME_ENTRY_get_object(entry))
        let value = X509_NAME_ENTRY_get_data(entry)
        guard let keyword = keywords[number], let text = utf8(value) else {
            return "\(number)=#\(encoded(value).hexadecimal)"
        }
        return "\(keyword)=\(escaped(text))"
    }

    private static func identifier(_ object: OpaquePointer?) -> String {
        var text = [CChar](repeating: 0, count: 128)
        let length = Int(OBJ_obj2txt(&text, Int32(text.count), object, 1))
        return String(
            decoding: text.prefix(max(0, min(length, text.count - 1))).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func utf8(_ value: UnsafeMutablePointer<ASN1_STRING>?) -> String? {
        var bytes: UnsafeMutablePointer<UInt8>?
        let length = Int(ASN1_STRING_to_UTF8(&bytes, value))
        guard length >= 0, let bytes else { return nil }
        defer { CRYPTO_free(bytes, #file, #line) }
        return String(decoding: UnsafeBufferPointer(start: bytes, count: length), as: UTF8.self)
    }

    /// The value with its tag and length, as RFC 2253 wants it where there is no keyword.
    private static func encoded(_ value: UnsafeMutablePointer<ASN1_STRING>?) -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let type = ASN1_TYPE_new()
        defer { ASN1_TYPE_free(type) }
        guard ASN1_TYPE_set1(type, ASN1_STRING_type(value), value) == 1 else { return [] }
        let length = Int(i2d_ASN1_TYPE(type, &bytes))
        guard length > 0, let bytes else { return [] }
        defer { CRYPTO_free(bytes, #file, #line) }
        return Array(UnsafeBufferPointer(start: bytes, count: length))
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            if ",+<>;\"\\".contains(character) { result += "\\" }
            result.append(character)
        }
        if result.hasPrefix("#") || result.hasPrefix(" ") { result = "\\" + result }
        if result.hasSuffix(" "), text.count > 1 { result = result.dropLast() + "\\ " }
        return result
    }
}
