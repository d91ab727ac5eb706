import Foundation

/// The laws of the house as functions on one source: each returns what breaks it, so that each can be shown to fail.
enum Laws {
    static let floors: [String: [String]] = [
        "Base": ["Octets", "KeyMaterial", "IKEVocabulary"],
        "Protocol": ["IKEWire", "IKECrypto", "GroupModel", "IKEExchange", "GroupKeying", "AuditTrail"],
        "Roles": ["RegistrationCore", "AuthorityCore", "BroadcastCore", "MemberCore"],
        "Adapters": [
            "AdminHTTP", "DatagramIO", "AuthorityRPC", "ReplicatedStore", "SASinks", "RootKey", "Settings", "Telemetry",
        ],
    ]

    /// Modules from outside that the pure floors may see: the C library for addresses and memory, and IKECrypto its libraries.
    private static let pureOutside: Set<String> = ["Glibc"]
    private static let cryptoOutside: Set<String> = ["Glibc", "COpenSSL", "Crypto", "X509", "SwiftASN1"]

    static func imports(_ source: Repository.Source) -> [String] {
        source.text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard let index = words.firstIndex(of: "import"), index <= 2, index + 1 < words.count else { return nil }
            guard
                words[..<index].allSatisfy({
                    ["package", "public", "internal", "@testable", "@preconcurrency"].contains($0)
                })
            else { return nil }
            let kinds: Set<Substring> = ["struct", "class", "enum", "func", "protocol"]
            let name = kinds.contains(words[index + 1]) && index + 2 < words.count ? words[index + 2] : words[index + 1]
            return String(name.prefix { $0 != "." })
        }
    }

    /// (1) imports go downward only, (2) a role never sees a role nor an adapter an adapter, (4) only programs see both sides.
    static func importFaults(_ source: Repository.Source) -> [String] {
        let base = Set(floors["Base"] ?? [])
        let lowProtocol: Set<String> = ["IKEWire", "IKECrypto", "GroupModel"]
        let allProtocol = Set(floors["Protocol"] ?? [])
        let allowed: Set<String>
        switch (source.floor, source.room) {
        case ("Base", "Octets"): allowed = []
        case ("Base", _): allowed = ["Octets"]
        case ("Protocol", "IKEExchange"), ("Protocol", "GroupKeying"), ("Protocol", "AuditTrail"):
            allowed = base.union(lowProtocol)
        case ("Protocol", _): allowed = base
        case ("Roles", _): allowed = base.union(allProtocol)
        case ("Adapters", "RootKey"): allowed = base.union(["GroupModel", "IKECrypto"])
        case ("Adapters", _): allowed = base.union(["GroupModel"])
        default: return []
        }
        let house = Set(floors.values.flatMap { $0 })
        return imports(source).filter { house.contains($0) && !allowed.contains($0) }
            .map { "\(source.path) imports \($0)" }
    }

    /// (3) Base, Protocol and Roles see no socket, file, clock, task, lock, logger or randomness of their own.
    static func purityFaults(_ source: Repository.Source) -> [String] {
        guard ["Base", "Protocol", "Roles"].contains(source.floor) else { return [] }
        let house = Set(floors.values.flatMap { $0 })
        let outside = source.room == "IKECrypto" ? cryptoOutside : pureOutside
        var faults = imports(source).filter { !house.contains($0) && !outside.contains($0) }
            .map { "\(source.path) imports \($0)" }
        let words = [
            "Date()", "ContinuousClock", "SuspendingClock", "Task {", "Task.sleep", "Mutex<", "NSLock", "DispatchQueue",
            "SystemRandomNumberGenerator", "getentropy(", "UInt64.random", "clock_gettime",
        ]
        for word in words where code(source).contains(word) {
            // The kernel's generator has one home.
            if word == "getentropy(", source.path.hasSuffix("EntropySource.swift") { continue }
            faults.append("\(source.path) uses \(word)")
        }
        return faults
    }

    /// (5) A commit receipt comes from the store alone.
    static func receiptFaults(_ source: Repository.Source) -> [String] {
        guard source.room != "ReplicatedStore", code(source).contains("CommitReceipt(") else { return [] }
        return ["\(source.path) makes a CommitReceipt"]
    }

    /// No trap that a peer could reach and no print in the house.
    static func trapFaults(_ source: Repository.Source) -> [String] {
        guard source.floor != "Programs", source.floor != "System" else { return [] }
        return ["try!", "as!", "fatalError(", "print(", ".unsafelyUnwrapped"].filter { word in
            // A longer name that ends the same way, such as fingerprint(, is not it.
            code(source).ranges(of: word).contains { range in
                let text = code(source)
                guard range.lowerBound > text.startIndex, word.first?.isLetter == true else { return true }
                let before = text[text.index(before: range.lowerBound)]
                return !before.isLetter && !before.isNumber && before != "_"
            }
        }.map { "\(source.path) uses \($0)" }
    }

    static func sizeFaults(_ source: Repository.Source) -> [String] {
        let lines = source.text.split(separator: "\n", omittingEmptySubsequences: false).count
        return lines > 600 ? ["\(source.path) has \(lines) lines"] : []
    }

    static func leftoverFaults(_ source: Repository.Source) -> [String] {
        ["TO" + "DO", "FIX" + "ME", "not implemented", "placeholder"].filter(source.text.contains)
            .map { "\(source.path) says \($0)" }
    }

    /// The text without comments; strings stay.
    private static func code(_ source: Repository.Source) -> String {
        source.text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { line in
                let trimmed = line.drop { $0 == " " }
                return trimmed.hasPrefix("//") ? "" : String(line)
            }
            .joined(separator: "\n")
    }
}
