import IKEVocabulary

/// GSA_REKEY datagrams that came before their Rekey SA was known (fact sheet G.13), the oldest first.
struct EarlyDatagrams {
    struct Kept {
        let octets: [UInt8]
        let spi: RekeySPI
        let source: Endpoint
        let until: Moment
    }

    private var kept: [Kept] = []

    /// Nobody has authenticated them: the newest gives way when there is no room.
    mutating func keep(_ octets: [UInt8], _ spi: RekeySPI, from source: Endpoint, at now: Moment) {
        guard kept.count < MemberLimits.earlyDatagrams else { return }
        kept.append(Kept(octets: octets, spi: spi, source: source, until: now + MemberLimits.earlyDatagramLife))
    }

    mutating func take(where isKnown: (RekeySPI) -> Bool) -> [Kept] {
        let taken = kept.filter { isKnown($0.spi) }
        kept.removeAll { isKnown($0.spi) }
        return taken
    }

    mutating func forget(at now: Moment) { kept.removeAll { $0.until <= now } }
}
