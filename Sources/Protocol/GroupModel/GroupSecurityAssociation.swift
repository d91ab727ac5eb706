package import IKEVocabulary
package import KeyMaterial

/// What the GSA payload says (RFC 9838 4.4): at most one Rekey SA, any number of Data-Security SAs, group-wide policy.
package struct GroupSecurityAssociation: Hashable, Sendable {
    package var rekey: RekeySAPolicy?
    package var data: [DataSAPolicy]
    package var groupWide: GroupWidePolicy

    package init(rekey: RekeySAPolicy?, data: [DataSAPolicy], groupWide: GroupWidePolicy) {
        self.rekey = rekey
        self.data = data
        self.groupWide = groupWide
    }
}

/// Policy of a Rekey SA (protocol GIKE_UPDATE).
package struct RekeySAPolicy: Hashable, Sendable {
    package var spi: RekeySPI
    package var source: TrafficSelector
    /// One multicast address, UDP, one port.
    package var destination: TrafficSelector
    package var suite: ProtectionSuite
    package var keyWrap: KeyWrapID
    /// Present at registration only; a rekey inherits it (fact sheet B.1).
    package var authentication: GroupControllerAuthentication?
    package var lifetime: Lifetime?
    /// The next Message ID the GCKS will use (fact sheet B.4-4); nil means 0.
    package var initialMessageID: MessageID?
    package var nextSPIs: [RekeySPI]

    package init(
        spi: RekeySPI, source: TrafficSelector, destination: TrafficSelector, suite: ProtectionSuite,
        keyWrap: KeyWrapID,
        authentication: GroupControllerAuthentication?, lifetime: Lifetime?, initialMessageID: MessageID? = nil,
        nextSPIs: [RekeySPI] = []
    ) {
        self.spi = spi
        self.source = source
        self.destination = destination
        self.suite = suite
        self.keyWrap = keyWrap
        self.authentication = authentication
        self.lifetime = lifetime
        self.initialMessageID = initialMessageID
        self.nextSPIs = nextSPIs
    }
}

/// GCAUTH on the wire: implicit, or digital signatures with a DER AlgorithmIdentifier.
package enum GroupControllerAuthentication: Hashable, Sendable {
    case implicit
    case digitalSignature(algorithmIdentifier: [UInt8])
}

/// Policy of a Data-Security SA. `securityProtocol` is `.esp` or `.ah`; AH has no cipher and is carried as octets only.
package struct DataSAPolicy: Hashable, Sendable {
    package var spi: ESPSPI
    package var source: TrafficSelector
    package var destination: TrafficSelector
    package var suite: ProtectionSuite
    package var sequenceNumbers: SequenceNumbersID
    package var lifetime: Lifetime?
    package var nextSPIs: [ESPSPI]

    package init(
        spi: ESPSPI, source: TrafficSelector, destination: TrafficSelector, suite: ProtectionSuite,
        sequenceNumbers: SequenceNumbersID, lifetime: Lifetime?, nextSPIs: [ESPSPI] = []
    ) {
        self.spi = spi
        self.source = source
        self.destination = destination
        self.suite = suite
        self.sequenceNumbers = sequenceNumbers
        self.lifetime = lifetime
        self.nextSPIs = nextSPIs
    }
}

/// Group-wide policy: GWP_ATD, GWP_DTD (seconds) and GWP_SENDER_ID_BITS.
package struct GroupWidePolicy: Hashable, Sendable {
    package var activationTimeDelay: UInt16?
    package var deactivationTimeDelay: UInt16?
    package var senderIDWidth: SenderIDWidth?

    package init(
        activationTimeDelay: UInt16? = nil, deactivationTimeDelay: UInt16? = nil, senderIDWidth: SenderIDWidth? = nil
    ) {
        self.activationTimeDelay = activationTimeDelay
        self.deactivationTimeDelay = deactivationTimeDelay
        self.senderIDWidth = senderIDWidth
    }
}

/// A Rekey SA with its KEYMAT = GSK_e | GSK_a | GSK_w (RFC 9838).
package struct KeyedRekeySA: Sendable {
    package var policy: RekeySAPolicy
    package var keymat: HeldSecret

    package init(policy: RekeySAPolicy, keymat: HeldSecret) {
        self.policy = policy
        self.keymat = keymat
    }

    /// Octets of KEYMAT for a suite and a key wrap algorithm; nil for an unknown key wrap.
    package static func keymatOctets(_ suite: ProtectionSuite, _ keyWrap: KeyWrapID) -> Int? {
        keyWrap.keyOctets.map { suite.keyOctets + $0 }
    }
}

/// A Data-Security SA with its key: encryption key (with salt), then integrity key.
package struct KeyedDataSA: Sendable {
    package var policy: DataSAPolicy
    package var key: HeldSecret

    package init(policy: DataSAPolicy, key: HeldSecret) {
        self.policy = policy
        self.key = key
    }
}

/// The version of a group's GSA in the store (ours, not the RFC's): grows with every change of keys or policy.
package struct GSAGeneration: RawRepresentable, Hashable, Comparable, Sendable {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
    package static func < (one: GSAGeneration, other: GSAGeneration) -> Bool { one.rawValue < other.rawValue }
}
