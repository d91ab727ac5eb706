package import IKEVocabulary

/// The bounds of a group definition.
package enum DefinitionLimits {
    package static let dataSAs = 64
    package static let rules = 1024
    package static let identificationOctets = 1...255
    package static let members: ClosedRange<UInt32> = 1...1_000_000
    package static let copies: ClosedRange<UInt8> = 1...10
    package static let spacing: ClosedRange<Duration> = .milliseconds(10)...(.seconds(10))
    package static let pace: ClosedRange<Duration> = .zero ... .seconds(1)
    package static let usualPace = Duration.milliseconds(1)
    package static let fragmentOctets: ClosedRange<UInt16> = 400...65_000
    package static let leastLifetime = Lifetime(seconds: 60)
    package static let senderIDs: ClosedRange<UInt16> = 1...64
}

extension GroupDefinition {
    /// Everything that is wrong with it, in the order of the file; empty when it may be applied.
    package func faults() -> [DefinitionFault] {
        var faults = DefinitionFaults()
        faults.require(
            DefinitionLimits.identificationOctets.contains(identification.octets.count), "id",
            "the identification has \(identification.octets.count) octets", "1 to 255 octets")
        faults.require(
            DefinitionLimits.members.contains(memberLimit), "member_limit", "\(memberLimit) is out of range",
            "1 to 1000000")
        faults.require(
            deactivationTimeDelay > activationTimeDelay, "delays.deactivation",
            "\(deactivationTimeDelay) s is not longer than the activation delay",
            "more than \(activationTimeDelay) s, so that receivers keep the old SA while senders use it")
        check(rekey, &faults)
        if let degree = keyTree?.degree {
            faults.require(
                KeyTreeDefinition.degrees.contains(degree), "key_tree.degree", "\(degree) is out of range", "2 to 16")
        }
        faults.require(!data.isEmpty, "data", "there is no data SA", "at least one")
        faults.require(
            data.count <= DefinitionLimits.dataSAs, "data", "\(data.count) data SAs",
            "at most \(DefinitionLimits.dataSAs)")
        for (index, sa) in data.enumerated() { check(sa, index, &faults) }
        faults.require(
            rules.count <= DefinitionLimits.rules, "allow", "\(rules.count) rules", "at most \(DefinitionLimits.rules)")
        for (index, rule) in rules.enumerated() {
            faults.require(
                DefinitionLimits.senderIDs.contains(rule.senderIDLimit), "allow[\(index)].sender_ids",
                "\(rule.senderIDLimit) is out of range", "1 to 64")
        }
        return faults.all
    }

    private func check(_ rekey: RekeyDefinition, _ faults: inout DefinitionFaults) {
        let destination = rekey.destination
        faults.require(
            destination.address.isMulticast, "rekey.address", "\(destination.address) is not multicast",
            "224.0.0.0/4 or ff00::/8")
        faults.require(destination.port > 0, "rekey.port", "0 is no UDP port", "1 to 65535, usually 848")
        faults.require(
            rekey.lifetime >= DefinitionLimits.leastLifetime, "rekey.lifetime",
            "\(rekey.lifetime.seconds) s is too short",
            "60s or more")
        faults.require(
            DefinitionLimits.copies.contains(rekey.copies), "rekey.copies", "\(rekey.copies) is out of range", "1 to 10"
        )
        faults.require(
            DefinitionLimits.spacing.contains(rekey.spacing), "rekey.spacing", "\(rekey.spacing) is out of range",
            "10ms to 10s")
        faults.require(
            DefinitionLimits.pace.contains(rekey.pace), "rekey.pace", "\(rekey.pace) is out of range", "0ms to 1s")
        faults.require(
            DefinitionLimits.fragmentOctets.contains(rekey.fragmentOctets), "rekey.fragment",
            "\(rekey.fragmentOctets) is out of range", "400 to 65000 octets")
        faults.require(rekey.timeToLive > 0, "rekey.ttl", "0 never leaves the host", "1 to 255")
        // A wrapping key must not be weaker than what it wraps (RFC 9838 4.4.2.1.3, fact sheet B.4-9).
        let strongest = (data.map(\.suite) + [rekey.suite]).map { Int($0.keyBits ?? 256) }.max() ?? 0
        faults.require(
            (rekey.keyWrap.keyOctets ?? 0) * 8 >= strongest, "rekey.key_wrap",
            "the wrapping key is shorter than the group's \(strongest)-bit keys", "kw-5649-\(strongest)")
    }

    private func check(_ sa: DataSADefinition, _ index: Int, _ faults: inout DefinitionFaults) {
        let path = "data[\(index)]"
        let isNameFree = !data[..<index].contains { $0.name == sa.name }
        faults.require(isNameFree, "\(path).name", "\(sa.name) stands twice", "a name of its own")
        faults.require(
            (1...64).contains(sa.name.utf8.count), "\(path).name", "the name has \(sa.name.utf8.count) octets",
            "1 to 64 octets")
        faults.require(
            sa.name.unicodeScalars.allSatisfy(Self.isPrintable), "\(path).name",
            "the name holds a character that cannot be printed", "letters, digits, signs and spaces")
        faults.require(
            sa.source.first.isIPv4 == sa.destination.first.isIPv4, "\(path).source",
            "source and destination are of two address families", "both IPv4 or both IPv6")
        faults.require(
            sa.destination.first.isMulticast && sa.destination.last.isMulticast, "\(path).destination",
            "\(sa.destination.first) is not multicast", "224.0.0.0/4 or ff00::/8")
        faults.require(
            sa.lifetime >= DefinitionLimits.leastLifetime, "\(path).lifetime", "\(sa.lifetime.seconds) s is too short",
            "60s or more")
    }

    /// Control characters, NUL among them, and what moves or hides other text have no place in a name.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: false
        default: true
        }
    }
}

private struct DefinitionFaults {
    private(set) var all: [DefinitionFault] = []

    mutating func require(_ holds: Bool, _ path: String, _ problem: String, _ valid: String) {
        if !holds { all.append(DefinitionFault(path: path, problem: problem, valid: valid)) }
    }
}
