import Foundation
import GroupModel
import IKEVocabulary

enum UpkeepFields {
    static let nodes = 64
    static let rootKeys = 16
    static let hashOctets = 32
    static let secretOctets = 64

    static func cluster(_ octets: Data, _ field: String) throws(ContractError) -> ClusterID {
        try required(ClusterID(octets: try checkedOctets(octets, field, atMost: ClusterID.count)), field)
    }
}

// MARK: Requests

extension NodeJoin {
    init(_ wire: Gcks_V1_NodeJoinRequest) throws(ContractError) {
        self.init(
            cluster: try UpkeepFields.cluster(wire.cluster, "NodeJoinRequest.cluster"),
            secret: try checkedOctets(wire.secret, "NodeJoinRequest.secret", atMost: UpkeepFields.secretOctets),
            node: try checkedText(wire.node, "NodeJoinRequest.node"),
            store: try checkedText(wire.store, "NodeJoinRequest.store", atMost: UpkeepLimits.storeOctets))
    }
}

extension Gcks_V1_NodeJoinRequest {
    init(_ join: NodeJoin) {
        cluster = Data(join.cluster.octets)
        secret = Data(join.secret)
        node = join.node
        store = join.store
    }
}

// MARK: Replies

extension Gcks_V1_TokenReply {
    init(_ grant: JoinGrant) {
        cluster = Data(grant.cluster.octets)
        id = grant.id
        storeCa = Data(grant.storeCA)
        expiresAtMilliseconds = grant.expiresAt.milliseconds
    }
}

extension JoinGrant {
    init(_ wire: Gcks_V1_TokenReply) throws(ContractError) {
        let storeCA = try checkedOctets(wire.storeCa, "TokenReply.store_ca", atMost: UpkeepFields.hashOctets)
        self.init(
            cluster: try UpkeepFields.cluster(wire.cluster, "TokenReply.cluster"), id: wire.id, storeCA: storeCA,
            expiresAt: try checkedTime(wire.expiresAtMilliseconds, "TokenReply.expires_at_milliseconds"))
    }
}

extension Gcks_V1_NodeJoinReply {
    init(_ joined: JoinedNode) {
        id = joined.id
        lines = joined.lines
        peers = joined.peers.map { peer in
            var wire = Gcks_V1_JoinPeer()
            wire.name = peer.name
            wire.id = peer.id
            wire.store = peer.store
            return wire
        }
    }
}

extension JoinedNode {
    init(_ wire: Gcks_V1_NodeJoinReply) throws(ContractError) {
        let peers = try checkedList(wire.peers, "NodeJoinReply.peers", atMost: UpkeepFields.nodes) {
            (peer) throws(ContractError) in
            JoinedNode.Peer(
                name: try checkedText(peer.name, "JoinPeer.name"), id: peer.id,
                store: try checkedText(peer.store, "JoinPeer.store", atMost: UpkeepLimits.storeOctets))
        }
        let lines = try checkedList(wire.lines, "NodeJoinReply.lines", atMost: Limits.lines) {
            (line) throws(ContractError) in try checkedText(line, "NodeJoinReply.lines", atMost: Limits.textOctets)
        }
        self.init(id: wire.id, peers: peers, lines: lines)
    }
}

extension Gcks_V1_ProgramStatus {
    init(_ status: ProgramStatus) {
        name = status.name
        version = status.version
        schemaKnown = status.schemaKnown
        isLeader = status.isLeader
        if let found = status.schema { schema = found }
        if let id = status.cluster { cluster = Data(id.octets) }
        rootKeys = status.rootKeys
    }
}

extension ProgramStatus {
    init(_ wire: Gcks_V1_ProgramStatus) throws(ContractError) {
        guard wire.rootKeys.count <= UpkeepFields.rootKeys else {
            throw ContractError("ProgramStatus.root_keys", .tooLong(limit: UpkeepFields.rootKeys))
        }
        self.init(
            name: try checkedText(wire.name, "ProgramStatus.name"),
            version: try checkedText(wire.version, "ProgramStatus.version"), schemaKnown: wire.schemaKnown,
            isLeader: wire.isLeader, schema: wire.hasSchema ? wire.schema : nil,
            cluster: wire.hasCluster ? try UpkeepFields.cluster(wire.cluster, "ProgramStatus.cluster") : nil,
            rootKeys: wire.rootKeys)
    }
}

extension Gcks_V1_RootKeyStatus {
    init(_ status: RootKeyStatus) {
        sealing = status.sealing
        held = status.held
        rows = status.rows
        guard let row = status.rotation else { return }
        rotation.target = row.target
        rotation.startedAtMilliseconds = row.startedAt.milliseconds
        rotation.by = row.by
    }
}

extension RootKeyStatus {
    init(_ wire: Gcks_V1_RootKeyStatus) throws(ContractError) {
        guard wire.held.count <= UpkeepFields.rootKeys, wire.rows.count <= Limits.counters else {
            throw ContractError("RootKeyStatus.held", .tooLong(limit: UpkeepFields.rootKeys))
        }
        var rotation: RootRotationRow?
        if wire.hasRotation {
            rotation = RootRotationRow(
                target: wire.rotation.target,
                startedAt: try checkedTime(
                    wire.rotation.startedAtMilliseconds, "RootKeyRotation.started_at_milliseconds"),
                by: try checkedText(wire.rotation.by, "RootKeyRotation.by"))
        }
        self.init(sealing: wire.sealing, held: wire.held, rows: wire.rows, rotation: rotation)
    }
}
