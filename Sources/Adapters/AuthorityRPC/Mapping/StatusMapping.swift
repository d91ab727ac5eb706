package import GroupModel
import IKEVocabulary

// What operators see, both ways.

extension ClusterStatus {
    package init(_ wire: Gcks_V1_ClusterStatus) throws(ContractError) {
        self.init(
            nodes: try checkedList(
                wire.nodes, "ClusterStatus.nodes", atMost: Limits.rows
            ) { node throws(ContractError) in try NodeStatus(node) },
            leader: wire.hasLeader ? try checkedText(wire.leader, "ClusterStatus.leader") : nil,
            term: wire.term, commits: wire.commits,
            frontends: try checkedList(
                wire.frontends, "ClusterStatus.frontends", atMost: Limits.rows
            ) { link throws(ContractError) in try LinkStatus(link) },
            broadcasters: try checkedList(
                wire.broadcasters, "ClusterStatus.broadcasters", atMost: Limits.rows
            ) { link throws(ContractError) in try LinkStatus(link) },
            groups: try checkedList(
                wire.groups, "ClusterStatus.groups", atMost: Limits.rows
            ) { group throws(ContractError) in try GroupStatus(group) },
            leadingSince: wire.hasLeadingSinceMilliseconds
                ? try checkedTime(wire.leadingSinceMilliseconds, "ClusterStatus.leading_since_milliseconds") : nil)
    }
}

extension Gcks_V1_ClusterStatus {
    package init(_ status: ClusterStatus) {
        self.init()
        nodes = status.nodes.map(Gcks_V1_NodeStatus.init)
        if let name = status.leader { leader = name }
        if let since = status.leadingSince { leadingSinceMilliseconds = since.milliseconds }
        term = status.term
        commits = status.commits
        frontends = status.frontends.map(Gcks_V1_LinkStatus.init)
        broadcasters = status.broadcasters.map(Gcks_V1_LinkStatus.init)
        groups = status.groups.map(Gcks_V1_GroupStatus.init)
    }
}

extension NodeStatus {
    package init(_ wire: Gcks_V1_NodeStatus) throws(ContractError) {
        self.init(
            name: try checkedText(wire.name, "NodeStatus.name"), state: try checkedText(wire.state, "NodeStatus.state"),
            detail: try checkedText(wire.detail, "NodeStatus.detail", atMost: Limits.textOctets))
    }
}

extension Gcks_V1_NodeStatus {
    package init(_ node: NodeStatus) {
        self.init()
        name = node.name
        state = node.state
        detail = node.detail
    }
}

extension LinkStatus {
    package init(_ wire: Gcks_V1_LinkStatus) throws(ContractError) {
        self.init(
            name: try checkedText(wire.name, "LinkStatus.name"), isConnected: wire.isConnected,
            since: try checkedTime(wire.sinceMilliseconds, "LinkStatus.since_milliseconds"),
            counters: try checkedCounters(wire.counters, "LinkStatus.counters"))
    }
}

extension Gcks_V1_LinkStatus {
    package init(_ link: LinkStatus) {
        self.init()
        name = link.name
        isConnected = link.isConnected
        sinceMilliseconds = link.since.milliseconds
        counters = link.counters
    }
}

extension GroupStatus {
    package init(_ wire: Gcks_V1_GroupStatus) throws(ContractError) {
        guard wire.hasDefinition else { throw ContractError("GroupStatus.definition", .missing) }
        self.init(
            definition: try GroupDefinition(wire.definition), generation: GSAGeneration(rawValue: wire.generation),
            members: try narrowed(wire.members, "GroupStatus.members"),
            senders: try narrowed(wire.senders, "GroupStatus.senders"),
            rekeySA: wire.hasRekeySa ? try SAStatus(wire.rekeySa) : nil,
            dataSAs: try checkedList(
                wire.dataSas, "GroupStatus.data_sas", atMost: Limits.rows
            ) { association throws(ContractError) in try SAStatus(association) },
            senderIDsGiven: wire.senderIdsGiven,
            nextRekeyAt: wire.hasNextRekeyMilliseconds
                ? try checkedTime(wire.nextRekeyMilliseconds, "GroupStatus.next_rekey_milliseconds") : nil)
    }
}

extension Gcks_V1_GroupStatus {
    package init(_ group: GroupStatus) {
        self.init()
        definition = Gcks_V1_GroupDefinition(group.definition)
        generation = group.generation.rawValue
        members = Int64(group.members)
        senders = Int64(group.senders)
        if let association = group.rekeySA { rekeySa = Gcks_V1_SAStatus(association) }
        dataSas = group.dataSAs.map(Gcks_V1_SAStatus.init)
        senderIdsGiven = group.senderIDsGiven
        if let next = group.nextRekeyAt { nextRekeyMilliseconds = next.milliseconds }
    }
}

extension SAStatus {
    package init(_ wire: Gcks_V1_SAStatus) throws(ContractError) {
        self.init(
            name: try checkedText(wire.name, "SAStatus.name"), spi: try checkedText(wire.spi, "SAStatus.spi"),
            keyCheckValue: try checkedText(wire.keyCheckValue, "SAStatus.key_check_value"),
            expiresAt: try checkedTime(wire.expiresAtMilliseconds, "SAStatus.expires_at_milliseconds"),
            nextMessageID: wire.hasNextMessageID ? wire.nextMessageID : nil)
    }
}

extension Gcks_V1_SAStatus {
    package init(_ association: SAStatus) {
        self.init()
        name = association.name
        spi = association.spi
        keyCheckValue = association.keyCheckValue
        expiresAtMilliseconds = association.expiresAt.milliseconds
        if let next = association.nextMessageID { nextMessageID = next }
    }
}

extension MemberStatus {
    package init(_ wire: Gcks_V1_MemberStatus) throws(ContractError) {
        self.init(
            group: try checkedText(wire.group, "MemberStatus.group"), identity: try Identity(wire.identity),
            state: try checkedText(wire.state, "MemberStatus.state"),
            role: try checkedText(wire.role, "MemberStatus.role"),
            senderIDs: try checkedList(
                wire.senderIds, "MemberStatus.sender_ids", atMost: Limits.senderIDsPerMember
            ) { id throws(ContractError) in SenderID(rawValue: id) },
            since: try checkedTime(wire.sinceMilliseconds, "MemberStatus.since_milliseconds"),
            remote: try Endpoint(wire.remote), frontend: try checkedText(wire.frontend, "MemberStatus.frontend"),
            authentication: wire.authentication == .unspecified
                ? nil : try MemberAuthentication(wire.authentication),
            reason: try checkedText(wire.reason, "MemberStatus.reason", atMost: Limits.textOctets))
    }
}

extension Gcks_V1_MemberStatus {
    package init(_ member: MemberStatus) {
        self.init()
        group = member.group
        identity = Gcks_V1_Identity(member.identity)
        state = member.state
        role = member.role
        senderIds = member.senderIDs.map(\.rawValue)
        sinceMilliseconds = member.since.milliseconds
        remote = Gcks_V1_Endpoint(member.remote)
        frontend = member.frontend
        if let proof = member.authentication { authentication = Gcks_V1_MemberAuthentication(proof) }
        reason = member.reason
    }
}

extension SenderStatus {
    package init(_ wire: Gcks_V1_SenderStatus) throws(ContractError) {
        self.init(
            id: SenderID(rawValue: wire.id), member: try Identity(wire.member),
            givenAt: try checkedTime(wire.givenAtMilliseconds, "SenderStatus.given_at_milliseconds"))
    }
}

extension Gcks_V1_SenderStatus {
    package init(_ sender: SenderStatus) {
        self.init()
        id = sender.id.rawValue
        member = Gcks_V1_Identity(sender.member)
        givenAtMilliseconds = sender.givenAt.milliseconds
    }
}
