import AuditTrail
import GroupModel
import IKECrypto
import IKEVocabulary
import KeyMaterial
import Octets

/// The trail as the leader goes on with it.
struct AuditWriter {
    var key: AuditKeyRow
    let signingKey: SigningKey
    /// The key was made by this leadership and is not in the store yet.
    var keyIsFresh: Bool
    var head: AuditPlace
    var floor: AuditPlace
    var oldest: Int64
    var anchors: [AuditAnchor]

    /// When the head was signed last; the making of the key counts.
    var anchoredAt: WallTime { anchors.last?.at ?? key.createdAt }
    var anchoredThrough: Int64 { anchors.last?.place.seq ?? 0 }
}

/// Who is behind a change, for the records of all that it brings about.
struct Causer {
    var actor: String
    var role: String
    var source: String
    var reason = ""
    var request = ""

    init(_ actor: OperatorActor, _ mandate: Mandate?) {
        self.actor = actor.name
        role = actor.role?.rawValue ?? "none"
        source = actor.source
        reason = mandate?.reason?.text ?? ""
        request = mandate?.operation.description ?? ""
    }

    /// The authority by itself: lifetimes, time limits.
    init(authority node: String, reason: String = "") {
        (actor, role, source, self.reason) = (node, "authority", node, reason)
    }

    func entry(
        _ action: String, _ object: String, result: String = "done", from before: GSAGeneration? = nil,
        to after: GSAGeneration? = nil
    ) -> AuditEntry {
        AuditEntry(
            actor: actor, actorRole: role, source: source, action: action, object: object, reason: reason,
            request: request, result: result, generationBefore: before, generationAfter: after)
    }
}

extension AuthorityCore {
    static func auditWriter(
        _ state: AuditState, sealer: any KeySealer, entropy: inout any EntropySource, at now: WallTime
    ) throws(AuthorityFailure) -> AuditWriter {
        guard let row = state.key else {
            do throws(CryptoError) {
                let signingKey = try SigningKey.generate(.ed25519)
                let key = AuditKey(
                    cluster: Hex.encode(entropy.octets(16)), publicKey: signingKey.subjectPublicKeyInfo)
                let sealed = sealer.seal(try signingKey.privateKeyInfo(), context: SealedPlace.auditKey)
                return AuditWriter(
                    key: AuditKeyRow(key: key, sealedKey: sealed, createdAt: now), signingKey: signingKey,
                    keyIsFresh: true, head: state.head, floor: state.floor, oldest: state.oldest,
                    anchors: state.anchors)
            } catch {
                throw .unusable("an audit key cannot be made: \(error)")
            }
        }
        let encoded: SecretOctets
        do throws(SealingError) {
            encoded = try sealer.open(row.sealedKey, context: SealedPlace.auditKey)
        } catch {
            throw .unsealable("\(SealedPlace.auditKey): \(error)")
        }
        do throws(CryptoError) {
            let signingKey = try SigningKey(privateKeyInfo: encoded)
            return AuditWriter(
                key: row, signingKey: signingKey, keyIsFresh: false, head: state.head, floor: state.floor,
                oldest: state.oldest, anchors: state.anchors)
        } catch {
            throw .unusable("\(SealedPlace.auditKey): \(error)")
        }
    }

    /// Turns what was noted during a decision into the next links of the chain, in the same transaction.
    func closeAudit(_ draft: inout DecisionDraft, at now: WallTime) {
        if audit.keyIsFresh {
            draft.mutations.append(.putAuditKey(audit.key))
            audit.keyIsFresh = false
        }
        for entry in draft.audit {
            let record = AuditChain.record(
                entry, after: audit.head, at: now, cluster: audit.key.key.cluster, node: node, engine: engine)
            draft.mutations.append(.appendAudit(record))
            audit.head = AuditPlace(seq: record.seq, hash: record.hash)
        }
        draft.audit = []
        if draft.wantsAnchor { anchor(at: now, into: &draft) }
    }

    /// Signs the head; nothing when it is signed already.
    private func anchor(at now: WallTime, into draft: inout DecisionDraft) {
        guard audit.head.seq > audit.anchoredThrough else { return }
        do throws(CryptoError) {
            let anchor = try AuditChain.anchor(
                at: audit.head, now, cluster: audit.key.key.cluster, key: audit.signingKey)
            audit.anchors.append(anchor)
            draft.mutations.append(.addAuditAnchor(anchor))
        } catch {
            draft.effects.append(.event(Event("audit-anchor-failed", .error, [("why", "\(error)")])))
        }
    }

    /// Anchors every hour and after many records; forgets whole prefixes behind an anchor.
    func tendAudit(at now: WallTime, into draft: inout DecisionDraft) {
        draft.audit += attempts.due(at: now)
        let anchorDue = now >= audit.anchoredAt.adding(limits.auditAnchorInterval)
        if anchorDue || audit.head.seq - audit.anchoredThrough >= limits.auditAnchorRecords {
            draft.wantsAnchor = true
        }
        let horizon = WallTime(milliseconds: now.milliseconds - Int64(limits.auditKept.seconds) * 1000)
        let surplus = audit.head.seq - limits.auditRecordsKept
        let youngest = WallTime(milliseconds: now.milliseconds - Int64(limits.auditKeptAtLeast.seconds) * 1000)
        let ceiling = audit.head.seq - limits.auditRecordsKept * limits.auditRecordsFactor
        let place = audit.anchors.last {
            $0.at < horizon || ($0.place.seq <= surplus && $0.at < youngest) || $0.place.seq <= ceiling
        }?.place
        if let place, place.seq > audit.floor.seq {
            draft.audit.append(
                Causer(authority: node, reason: "kept long enough").entry(
                    "audit-forgotten", "cluster", result: "done: records up to \(place.seq)"))
            audit.floor = place
            audit.anchors.removeAll { $0.place.seq < place.seq }
        }
        guard audit.oldest <= audit.floor.seq else { return }
        draft.mutations.append(.forgetAudit(through: audit.floor))
        audit.oldest = min(audit.oldest + Int64(StateLimits.auditForgottenAtOnce), audit.floor.seq + 1)
    }

    /// A dangerous request that was refused or only tried, and any change that the asker may not make. Whoever asks can ask at
    /// will: few of a kind are recorded, the others counted.
    func noteRefusal(
        _ request: OperatorRequest, by actor: OperatorActor, _ result: Result<OperatorReply, OperatorFailure>,
        at now: WallTime, into draft: inout DecisionDraft
    ) {
        guard let mandate = request.mandate else { return }
        let isDangerous = request.dangerLevel >= .disruptive
        switch result {
        case .failure(let failure):
            let isForbidden = if case .notAuthorised = failure { true } else { false }
            guard isDangerous || isForbidden else { return }
            draft.audit += attempts.take(Attempt(request, Causer(actor, mandate), "refused", failure.line), at: now)
        case .success where isDangerous && mandate.isDryRun:
            draft.audit += attempts.take(Attempt(request, Causer(actor, mandate), "dry-run", ""), at: now)
        case .success: return
        }
    }

    // MARK: Members

    func noteMember(
        _ action: String, _ request: RegistrationRequest, in group: GroupName, result: String,
        into draft: inout DecisionDraft
    ) {
        draft.audit.append(
            AuditEntry(
                actor: request.member.description, actorRole: "member",
                source: "\(request.frontend) \(request.remote)", action: action, object: "group/\(group)",
                request: request.operation.description, result: result))
    }

    /// A member that a deny rule or the exclusion list turned away. It can come again at will, so it is recorded once an hour.
    func noteDenied(
        _ request: RegistrationRequest, in group: GroupName, _ why: String, at now: WallTime,
        into draft: inout DecisionDraft
    ) {
        guard denials.isNew(request.member, group, at: now) else { return }
        noteMember("member-refused", request, in: group, result: "refused: \(why)", into: &draft)
    }
}

/// Which denied members have their record already: bounded, in memory only.
struct RecentDenials {
    private struct Key: Hashable {
        let identity: Identity
        let group: GroupName
    }

    private let limit: Int
    private let pause: Lifetime
    private var seen: [Key: WallTime] = [:]

    init(atMost limit: Int, pause: Lifetime) {
        self.limit = limit
        self.pause = pause
    }

    mutating func isNew(_ identity: Identity, _ group: GroupName, at now: WallTime) -> Bool {
        let key = Key(identity: identity, group: group)
        if let last = seen[key], now < last.adding(pause) { return false }
        if seen.count >= limit {
            seen = seen.filter { now < $0.value.adding(pause) }
            // So many at once: nobody's record is lost for ever, but those that come now wait for their turn.
            guard seen.count < limit else { return false }
        }
        seen[key] = now
        return true
    }
}

extension OperatorFailure {
    /// One line for the audit trail.
    var line: String {
        switch self {
        case .notFound(let text), .conflict(let text), .notAuthorised(let text), .unavailable(let text): text
        case .invalid(let faults): faults.map { "\($0.path): \($0.problem)" }.joined(separator: "; ")
        case .notLeader: "not the leader"
        case .unknownOutcome: "the outcome is not known"
        }
    }
}
