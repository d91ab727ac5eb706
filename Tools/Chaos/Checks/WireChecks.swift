/// A Sender-ID belongs to one registration in the life of a data SA.
enum SenderIDReuse {
    static func check(_ evidence: Evidence) -> Finding {
        struct Use: Hashable {
            let spi: String
            let id: UInt32
        }
        var holders: [Use: Set<String>] = [:]
        for trace in evidence.traces {
            for record in trace.records where record.action == "install" && record.kind == "data" {
                for id in record.senderIDs ?? [] {
                    holders[Use(spi: "\(record.group) \(record.spi)", id: id), default: []]
                        .insert("\(trace.member) life \(trace.life)")
                }
            }
        }
        let broken = holders.filter { $0.value.count > 1 }.map { use, holders in
            "Sender-ID \(use.id) under data SA \(use.spi): \(holders.sorted().joined(separator: ", "))"
        }
        return Finding(
            promise: "Sender-IDs given twice under one data SA", looked: holders.count, broken: broken.sorted())
    }
}

/// A Message ID of a Rekey SA stands for one octet string.
enum RekeyOctets {
    static let promise = "Message IDs with two octet strings on the wire"

    static func check(_ evidence: Evidence) -> Finding {
        var strings: [CapturedRekey.Place: [[UInt8]: String]] = [:]
        for rekey in evidence.rekeys { strings[rekey.place, default: [:]][rekey.octets] = rekey.source }
        let broken = strings.filter { $0.value.count > 1 }.map { place, forms in
            "\(place): \(forms.count) octet strings, sent by \(Set(forms.values).sorted().joined(separator: ", "))"
        }
        return Finding(promise: promise, looked: strings.count, broken: broken.sorted())
    }
}
