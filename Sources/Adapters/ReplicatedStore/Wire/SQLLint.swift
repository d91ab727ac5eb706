/// Refuses SQL that this engine is known to mishandle, before it leaves: RETURNING (the next write aborts the leader), ATTACH,
/// DETACH, VACUUM, PRAGMA other than a few that only read, several statements in one text, and NUL.
enum SQLLint {
    static let readOnlyPragmas: Set<String> = [
        "TABLE_INFO", "INDEX_LIST", "INTEGRITY_CHECK", "QUICK_CHECK", "PAGE_COUNT",
    ]

    /// Nil when the text may be sent; otherwise what is wrong with it.
    static func fault(in sql: String) -> String? {
        guard !sql.utf8.contains(0) else { return "NUL" }
        let tokens = tokens(of: sql)
        guard let first = tokens.first else { return "empty" }
        for (index, token) in tokens.enumerated() {
            switch token {
            case "RETURNING", "ATTACH", "DETACH", "VACUUM": return token
            case "PRAGMA":
                let name = tokens.dropFirst(index + 1).first ?? ""
                guard readOnlyPragmas.contains(name), !tokens.contains("=") else { return "PRAGMA \(name)" }
            default: continue
            }
        }
        // The body of a trigger is the one place where a semicolon does not end the statement.
        let isTrigger = first == "CREATE" && tokens.prefix(3).contains("TRIGGER") && tokens.last == "END"
        guard isTrigger || !tokens.dropLast().contains(";") else { return "several statements" }
        return nil
    }

    /// Words in capitals, and '=' and ';'; what stands in quotes or comments is left out.
    private static func tokens(of sql: String) -> [String] {
        var tokens: [String] = []
        var word: [UInt8] = []
        var quote: UInt8?
        for octet in Array(sql.utf8) + [0x20] {
            if let open = quote {
                if octet == open { quote = nil }
                continue
            }
            let isWord =
                (0x30...0x39).contains(octet) || (0x41...0x5a).contains(octet) || (0x61...0x7a).contains(octet)
                || octet == 0x5f || octet >= 0x80
            if isWord {
                word.append((0x61...0x7a).contains(octet) ? octet - 0x20 : octet)
                continue
            }
            if !word.isEmpty {
                tokens.append(String(decoding: word, as: UTF8.self))
                word = []
            }
            switch octet {
            case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"): quote = octet
            case UInt8(ascii: "["): quote = UInt8(ascii: "]")
            case UInt8(ascii: ";"): tokens.append(";")
            case UInt8(ascii: "="): tokens.append("=")
            default: continue
            }
        }
        return tokens
    }
}
