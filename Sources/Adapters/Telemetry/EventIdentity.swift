/// The MESSAGE_ID of an event in the journal: 128 bits made from its name alone, so that it is the same for ever and on every
/// host. `Config/systemd/gcks.catalog` lists all of them; `Tools/event-catalog` makes that list by the same rule.
package enum EventIdentity {
    /// 32 hexadecimal digits.
    package static func messageID(of name: String) -> String {
        let halves = [hash("gcks event, high half: " + name), hash("gcks event, low half: " + name)]
        return halves.map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// FNV-1a of 64 bits, and one round of mixing, so that names that differ at their end differ everywhere.
    private static func hash(_ text: String) -> UInt64 {
        var hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
        return hash ^ (hash >> 31)
    }
}
