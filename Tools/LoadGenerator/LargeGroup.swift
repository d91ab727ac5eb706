import ArgumentParser
import AuthorityCore
import Glibc
import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial
import RootKey

/// A leader's mind with one group in it, and the rows that a store would hold of it.
final class LargeGroup {
    struct Exclusion {
        let messages: Int
        let octets: Int
        let datagrams: Int
        let wraps: Int
        let milliseconds: Double
        let bareMilliseconds: Double
    }

    private struct Unexpected: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private static let batch = 100
    private static let actor = OperatorActor(name: "bench", roles: [.cryptoOfficer], source: "bench")

    private let engine = CryptoEngine()
    private let sealer: RootKeyring
    private let degree: Int
    private let name: GroupName
    private let remote: Endpoint
    private let gskW: HeldSecret
    private let wrapped: HeldSecret
    private let signingKey: SigningKey
    private var core: AuthorityCore
    private var rows: StoredState
    private var now = WallTime(milliseconds: 1_790_000_000_000)
    private var operations: UInt64 = 0
    private var present: [Identity] = []

    init(degree: UInt8) throws {
        var entropy = SystemEntropy()
        guard KeyTreeDefinition.degrees.contains(degree), let name = GroupName("large"),
            let address = IPAddress("239.1.1.1"), let remote = IPAddress("192.0.2.7")
        else { throw ValidationError("--degree is 2 to 16") }
        self.degree = Int(degree)
        self.name = name
        self.remote = Endpoint(remote, port: 500)
        sealer = try RootKeyring(key: entropy.secret(32))
        (gskW, wrapped) = (HeldSecret(entropy.secret(32)), HeldSecret(entropy.secret(32)))
        signingKey = try SigningKey.generate(.ed25519)
        rows = StoredState(term: LeadershipTerm(rawValue: 1))
        core = try Self.leader(of: rows, sealer, at: now)
        try apply(try Self.definition(name, address, degree))
    }

    private static func leader(
        of rows: StoredState, _ sealer: RootKeyring, at now: WallTime
    ) throws -> AuthorityCore {
        var limits = AuthorityLimits()
        limits.rekeyOrdersKept = 1_000_000
        return try AuthorityCore(
            state: rows, sealer: sealer, engine: CryptoEngine(), entropy: SystemEntropy(), limits: limits,
            node: "bench", now: now)
    }

    private static func definition(_ name: GroupName, _ address: IPAddress, _ degree: UInt8) throws -> GroupDefinition {
        guard let pattern = IdentityPattern("fqdn:*.example"), let width = SenderIDWidth(bits: 16) else {
            throw Unexpected("no pattern")
        }
        return GroupDefinition(
            name: name, identification: .keyID(name.text), mode: .tunnel,
            rekey: RekeyDefinition(
                destination: Endpoint(address, port: 848), suite: .aesGCM256, keyWrap: .kw5649_256,
                authentication: .ed25519, lifetime: Lifetime(seconds: 86_400), copies: 1, spacing: .milliseconds(250),
                fragmentOctets: 1280, timeToLive: 16),
            data: [
                DataSADefinition(
                    name: "ticks", source: .any(ipv4: true, ipProtocol: TrafficSelector.udp),
                    destination: .single(address, ipProtocol: TrafficSelector.udp, port: 5000), suite: .aesGCM256,
                    senders: .shared, lifetime: Lifetime(seconds: 3600))
            ],
            activationTimeDelay: 5, deactivationTimeDelay: 10, senderIDWidth: width, memberLimit: 1_000_000,
            rules: [AuthorisationRule(pattern: pattern, permission: .receiver, senderIDLimit: 1)],
            keyTree: KeyTreeDefinition(degree: degree))
    }

    // MARK: What is measured

    /// - Returns: microseconds of CPU for one of the last tenth of the registrations.
    func fill(_ members: Int) throws -> Double {
        let measured = max(members / 10, 1)
        var start = ThreadTime.nanoseconds
        for first in stride(from: 0, to: members, by: Self.batch) {
            if first <= members - measured { start = ThreadTime.nanoseconds }
            try register((first..<min(first + Self.batch, members)).map { .fqdn("gm\($0).site\($0 / 1000).example") })
            now = WallTime(milliseconds: now.milliseconds + 50)
        }
        let last = members - (members - measured) / Self.batch * Self.batch
        return ThreadTime.milliseconds(since: start) * 1000 / Double(last)
    }

    /// - Returns: seconds of CPU from rows to a leader.
    func restart() throws -> Double {
        rows.term = LeadershipTerm(rawValue: rows.term.rawValue + 1)
        let start = ThreadTime.nanoseconds
        core = try Self.leader(of: rows, sealer, at: now)
        return ThreadTime.milliseconds(since: start) / 1000
    }

    func exclude(_ count: Int) throws -> Exclusion {
        let leaving = (0..<count).map { _ in present.remove(at: Int.random(in: present.indices)) }
        guard let reason = Reason("bench") else { throw Unexpected("no reason") }
        let request = OperatorRequest.control(
            .evict(leaving, group: name, Mandate(operation: operation(), reason: reason)))
        let start = ThreadTime.nanoseconds
        let decision = core.decide([.operation(request, by: Self.actor, token: 1)], at: now)
        let milliseconds = ThreadTime.milliseconds(since: start)
        var orders: [RekeyOrder] = []
        var changed = 0
        for mutation in decision.transaction.mutations {
            switch mutation {
            case .addRekeyOrder(let order): orders.append(order)
            case .keyTree(.putNode): changed += 1
            default: continue
            }
        }
        guard orders.count >= 2 else { throw Unexpected("\(count) of \(present.count) were not excluded by the tree") }
        let octets = orders.reduce(0) { $0 + $1.datagrams.reduce(0) { $0 + $1.count } }
        // Each changed node under all of its children but those that leave, KEYMAT under the root's.
        let wraps = changed * degree - count + degree
        return Exclusion(
            messages: orders.count, octets: octets, datagrams: orders.reduce(0) { $0 + $1.datagrams.count },
            wraps: wraps, milliseconds: milliseconds,
            bareMilliseconds: try bare(wraps: wraps, signatures: orders.count))
    }

    private func bare(wraps: Int, signatures: Int) throws -> Double {
        let text = [UInt8](repeating: 1, count: 2048)
        let start = ThreadTime.nanoseconds
        for _ in 0..<wraps { _ = try engine.wrap(.kw5649_256, kwk: gskW.secret, key: wrapped.secret) }
        for _ in 0..<signatures { _ = try signingKey.sign(text, .ed25519) }
        return ThreadTime.milliseconds(since: start)
    }

    var residentOctets: Int { ProcessMeter(name: "bench", pid: getpid())?.sample().residentOctets ?? 0 }

    // MARK: What happens

    private func apply(_ definition: GroupDefinition) throws {
        let request = OperatorRequest.groupApply(definition, Mandate(operation: operation()))
        let decision = core.decide([.operation(request, by: Self.actor, token: 1)], at: now)
        keep(decision.transaction.mutations)
        guard !rows.groups.isEmpty else { throw Unexpected("the group was not made") }
    }

    private func register(_ members: [Identity]) throws {
        let inputs = members.map { member in
            AuthorityInput.registration(
                RegistrationRequest(
                    operation: operation(), member: member, authentication: .signature, group: .keyID(name.text),
                    action: .join(
                        JoinRequest(
                            proposals: nil, senderIDs: nil, keyWrap: .kw5649_256, gskW: gskW,
                            supportsFragmentation: true)),
                    remote: remote, frontend: "frontend-1"), session: 1)
        }
        let before = rows.members.count
        keep(core.decide(inputs, at: now).transaction.mutations)
        guard rows.members.count == before + members.count else { throw Unexpected("a member was not granted") }
        present += members
    }

    private func operation() -> OperationID {
        operations += 1
        return OperationID(
            initiator: IKESPI(rawValue: operations), responder: IKESPI(rawValue: 1),
            messageID: MessageID(rawValue: 1))
    }

    /// As the store does it, for what a group that only grows writes.
    private func keep(_ mutations: [StoreMutation]) {
        for mutation in mutations {
            switch mutation {
            case .putGroup(let row): rows.groups = [row]
            case .putRekeySA(let row): rows.rekeySAs = [row]
            case .putDataSA(let row): rows.dataSAs = [row]
            case .putMember(let row): rows.members.append(row)
            case .keyTree(.putTree(let row)): rows.keyTrees = [row]
            case .keyTree(.putLeaf(let row)): rows.keyLeaves.append(row)
            case .sending(let mutation): rows.sending.apply(mutation)
            default: continue
            }
        }
    }
}
