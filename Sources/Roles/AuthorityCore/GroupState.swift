import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial

/// A group as the leader holds it: its row, its open keys and its members.
final class GroupState {
    var row: GroupRow
    var rekeySA: HeldRekeySA
    /// Current SAs and those that are being retired.
    var dataSAs: [HeldDataSA]
    var retiredRekeySAs: [RekeySARow]
    /// Retired SAs whose definition is gone: never opened again, only removed in time.
    var abandonedDataSAs: [DataSARow]
    /// Identities that are not let in, whatever the rules say.
    var exclusions: [Identity: ExclusionRow] = [:]
    var schedule = RekeySchedule.usual
    var pausedAt: WallTime?
    /// The newest last.
    var history: [RekeyHistoryRow] = []
    /// Of the single-sender data SAs, by their names.
    var claims: [String: SenderClaimRow] = [:]
    /// Of the Rekey SA after the current one.
    var promisedSPI: RekeySPI?
    /// What senders reported last, by SPI.
    var sequences: [ESPSPI: SequenceRow] = [:]
    var senderIDRates = SenderIDRates()
    var keyTree: HeldKeyTree?
    private(set) var members: [Identity: MemberRow] = [:]
    private(set) var senders: Set<Identity> = []
    /// Members that did not announce fragmentation: while there is one, GSA_REKEY goes out whole.
    private(set) var membersWithoutFragmentation = 0

    init(
        row: GroupRow, rekeySA: HeldRekeySA, dataSAs: [HeldDataSA], retiredRekeySAs: [RekeySARow] = [],
        abandonedDataSAs: [DataSARow] = []
    ) {
        self.row = row
        self.rekeySA = rekeySA
        self.dataSAs = dataSAs
        self.retiredRekeySAs = retiredRekeySAs
        self.abandonedDataSAs = abandonedDataSAs
    }

    var name: GroupName { row.name }
    var definition: GroupDefinition { row.definition }
    var currentDataSAs: [HeldDataSA] { dataSAs.filter { $0.row.retiredAt == nil } }

    var scheduleRow: RekeyScheduleRow { RekeyScheduleRow(group: name, schedule: schedule, pausedAt: pausedAt) }

    func put(_ member: MemberRow) {
        remove(member.identity)
        members[member.identity] = member
        if member.isSender { senders.insert(member.identity) }
        if !member.supportsFragmentation { membersWithoutFragmentation += 1 }
    }

    @discardableResult
    func remove(_ identity: Identity) -> MemberRow? {
        guard let member = members.removeValue(forKey: identity) else { return nil }
        senders.remove(identity)
        if !member.supportsFragmentation { membersWithoutFragmentation -= 1 }
        return member
    }
}

struct HeldRekeySA {
    var row: RekeySARow
    var sa: KeyedRekeySA
    /// Nil with implicit authentication.
    var signingKey: SigningKey?
}

struct HeldDataSA {
    var row: DataSARow
    var sa: KeyedDataSA
}

extension DataSADefinition {
    func policy(spi: ESPSPI, lifetime: Lifetime?) -> DataSAPolicy {
        DataSAPolicy(
            spi: spi, source: source, destination: destination, suite: suite, sequenceNumbers: sequenceNumbers,
            lifetime: lifetime)
    }
}

extension RekeyDefinition {
    /// SrcTS is a wildcard, because any broadcaster may send; DstTS is the multicast address, UDP, one port.
    func policy(spi: RekeySPI, lifetime: Lifetime?) -> RekeySAPolicy {
        let scheme = authentication.scheme
        return RekeySAPolicy(
            spi: spi,
            source: .any(ipv4: destination.address.isIPv4, ipProtocol: TrafficSelector.udp),
            destination: .single(destination.address, ipProtocol: TrafficSelector.udp, port: destination.port),
            suite: suite, keyWrap: keyWrap,
            authentication: scheme.map { .digitalSignature(algorithmIdentifier: $0.algorithmIdentifier) } ?? .implicit,
            lifetime: lifetime)
    }
}

extension RekeyAuthentication {
    var scheme: SignatureScheme? {
        switch self {
        case .implicit: nil
        case .ed25519: .ed25519
        case .ecdsaP256: .ecdsaSHA256
        case .rsaPSS2048: .rsaPSSSHA256
        }
    }

    var keyKind: SigningKeyKind? {
        switch self {
        case .implicit: nil
        case .ed25519: .ed25519
        case .ecdsaP256: .ecdsaP256
        case .rsaPSS2048: .rsaPSS2048
        }
    }
}
