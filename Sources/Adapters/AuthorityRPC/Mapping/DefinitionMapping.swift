package import GroupModel
import IKEVocabulary

// A group's definition, both ways. Ranges that are policy (copies 1 … 10, lifetimes) are `GroupDefinition.faults()`'s
// matter at the authority; here a field only has to fit the model.

extension GroupDefinition {
    package init(_ wire: Gcks_V1_GroupDefinition) throws(ContractError) {
        guard wire.hasRekey else { throw ContractError("GroupDefinition.rekey", .missing) }
        let width = SenderIDWidth(bits: try narrowed(wire.senderIDBits, "GroupDefinition.sender_id_bits"))
        self.init(
            name: try GroupName(wire: wire.name, "GroupDefinition.name"),
            identification: try Identity(wire.identification),
            mode: try closedEnum(
                wire.mode, "GroupDefinition.mode", among: SAMode.allCases, Gcks_V1_GroupDefinition.Mode.init),
            rekey: try RekeyDefinition(wire.rekey),
            data: try checkedList(
                wire.data, "GroupDefinition.data", atMost: Limits.dataSAs
            ) { data throws(ContractError) in try DataSADefinition(data) },
            activationTimeDelay: try narrowed(
                wire.activationTimeDelaySeconds, "GroupDefinition.activation_time_delay_seconds"),
            deactivationTimeDelay: try narrowed(
                wire.deactivationTimeDelaySeconds, "GroupDefinition.deactivation_time_delay_seconds"),
            senderIDWidth: try required(width, "GroupDefinition.sender_id_bits"),
            memberLimit: wire.memberLimit,
            rules: try checkedList(
                wire.rules, "GroupDefinition.rules", atMost: Limits.rules
            ) { rule throws(ContractError) in try AuthorisationRule(rule) },
            keyTree: wire.hasKeyTree ? try KeyTreeDefinition(wire.keyTree) : nil)
    }
}

extension KeyTreeDefinition {
    package init(_ wire: Gcks_V1_KeyTreeDefinition) throws(ContractError) {
        self.init(
            degree: try narrowed(wire.degree, "KeyTreeDefinition.degree"),
            onLeave: try closedEnum(
                wire.onLeave, "KeyTreeDefinition.on_leave", among: LeaveRule.allCases,
                Gcks_V1_KeyTreeDefinition.OnLeave.init))
    }
}

extension Gcks_V1_KeyTreeDefinition {
    package init(_ tree: KeyTreeDefinition) {
        self.init()
        degree = UInt32(tree.degree)
        onLeave = OnLeave(tree.onLeave)
    }
}

extension Gcks_V1_KeyTreeDefinition.OnLeave {
    package init(_ rule: LeaveRule) {
        switch rule {
        case .batch: self = .batch
        case .rekey: self = .rekey
        }
    }
}

extension Gcks_V1_GroupDefinition {
    package init(_ definition: GroupDefinition) {
        self.init()
        name = definition.name.text
        identification = Gcks_V1_Identity(definition.identification)
        mode = Mode(definition.mode)
        rekey = Gcks_V1_RekeyDefinition(definition.rekey)
        data = definition.data.map(Gcks_V1_DataSADefinition.init)
        activationTimeDelaySeconds = UInt32(definition.activationTimeDelay)
        deactivationTimeDelaySeconds = UInt32(definition.deactivationTimeDelay)
        senderIDBits = UInt32(definition.senderIDWidth.bits)
        memberLimit = definition.memberLimit
        rules = definition.rules.map(Gcks_V1_AuthorisationRule.init)
        if let tree = definition.keyTree { keyTree = Gcks_V1_KeyTreeDefinition(tree) }
    }
}

extension Gcks_V1_GroupDefinition.Mode {
    package init(_ mode: SAMode) {
        switch mode {
        case .transport: self = .transport
        case .tunnel: self = .tunnel
        }
    }
}

extension RekeyDefinition {
    package init(_ wire: Gcks_V1_RekeyDefinition) throws(ContractError) {
        self.init(
            destination: try Endpoint(wire.destination), suite: try ProtectionSuite(wire.suite),
            keyWrap: KeyWrapID(rawValue: try narrowed(wire.keyWrap, "RekeyDefinition.key_wrap")),
            authentication: try closedEnum(
                wire.authentication, "RekeyDefinition.authentication", among: RekeyAuthentication.allCases,
                Gcks_V1_RekeyDefinition.Authentication.init),
            lifetime: Lifetime(seconds: wire.lifetimeSeconds),
            copies: try narrowed(wire.copies, "RekeyDefinition.copies"),
            spacing: try checkedDelay(nanoseconds: wire.spacingNanoseconds, "RekeyDefinition.spacing_nanoseconds"),
            fragmentOctets: try narrowed(wire.fragmentOctets, "RekeyDefinition.fragment_octets"),
            timeToLive: try narrowed(wire.timeToLive, "RekeyDefinition.time_to_live"),
            pace: try checkedDelay(nanoseconds: wire.paceNanoseconds, "RekeyDefinition.pace_nanoseconds"))
    }
}

extension Gcks_V1_RekeyDefinition {
    package init(_ rekey: RekeyDefinition) {
        self.init()
        destination = Gcks_V1_Endpoint(rekey.destination)
        suite = Gcks_V1_ProtectionSuite(rekey.suite)
        keyWrap = UInt32(rekey.keyWrap.rawValue)
        authentication = Authentication(rekey.authentication)
        lifetimeSeconds = rekey.lifetime.seconds
        copies = UInt32(rekey.copies)
        spacingNanoseconds = wireNanoseconds(rekey.spacing)
        paceNanoseconds = wireNanoseconds(rekey.pace)
        fragmentOctets = UInt32(rekey.fragmentOctets)
        timeToLive = UInt32(rekey.timeToLive)
    }
}

extension Gcks_V1_RekeyDefinition.Authentication {
    package init(_ authentication: RekeyAuthentication) {
        switch authentication {
        case .implicit: self = .implicit
        case .ed25519: self = .ed25519
        case .ecdsaP256: self = .ecdsaP256
        case .rsaPSS2048: self = .rsaPss2048
        }
    }
}

extension DataSADefinition {
    package init(_ wire: Gcks_V1_DataSADefinition) throws(ContractError) {
        self.init(
            name: try checkedText(wire.name, "DataSADefinition.name"), source: try TrafficSelector(wire.source),
            destination: try TrafficSelector(wire.destination), suite: try ProtectionSuite(wire.suite),
            senders: try closedEnum(
                wire.senders, "DataSADefinition.senders", among: SenderModel.allCases,
                Gcks_V1_DataSADefinition.Senders.init),
            lifetime: Lifetime(seconds: wire.lifetimeSeconds))
    }
}

extension Gcks_V1_DataSADefinition {
    package init(_ data: DataSADefinition) {
        self.init()
        name = data.name
        source = Gcks_V1_TrafficSelector(data.source)
        destination = Gcks_V1_TrafficSelector(data.destination)
        suite = Gcks_V1_ProtectionSuite(data.suite)
        senders = Senders(data.senders)
        lifetimeSeconds = data.lifetime.seconds
    }
}

extension Gcks_V1_DataSADefinition.Senders {
    package init(_ senders: SenderModel) {
        switch senders {
        case .single: self = .single
        case .shared: self = .shared
        }
    }
}

extension AuthorisationRule {
    package init(_ wire: Gcks_V1_AuthorisationRule) throws(ContractError) {
        self.init(
            pattern: try required(IdentityPattern(wire.pattern), "AuthorisationRule.pattern"),
            permission: try closedEnum(
                wire.permission, "AuthorisationRule.permission", among: Permission.allCases,
                Gcks_V1_AuthorisationRule.Permission.init),
            senderIDLimit: try narrowed(wire.senderIDLimit, "AuthorisationRule.sender_id_limit"))
    }
}

extension Gcks_V1_AuthorisationRule {
    package init(_ rule: AuthorisationRule) {
        self.init()
        pattern = rule.pattern.text
        permission = Permission(rule.permission)
        senderIDLimit = UInt32(rule.senderIDLimit)
    }
}

extension Gcks_V1_AuthorisationRule.Permission {
    package init(_ permission: AuthorisationRule.Permission) {
        switch permission {
        case .sender: self = .sender
        case .receiver: self = .receiver
        case .deny: self = .deny
        }
    }
}
