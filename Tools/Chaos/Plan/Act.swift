/// What one act does. The raw value is its name in plans, `--faults` and progress lines.
enum FaultKind: String, CaseIterable, Sendable {
    /// SIGKILL; started again when the act is over. An authority goes with its store, as when a machine loses power.
    case kill
    /// SIGKILL to the store process alone: its authority stays.
    case storeKill = "store-kill"
    /// SIGSTOP, then SIGCONT: a machine that hangs.
    case stop
    /// No packet from or to the target.
    case isolate
    /// The target is heard by nobody and hears everybody.
    case mute
    /// Frontends and the target do not reach each other; everything else does.
    case splitFrontends = "split-frontends"
    /// Every authority is alone: nothing may be acknowledged before it ends.
    case majority
    /// Some packets of everybody are lost, come twice, or come late and in another order.
    case loss, duplicate, delay
    /// The data folder of the target is filled to the last octet, and its store begins anew in it.
    case diskFull = "disk-full"
    /// The target's store sleeps in every write to its disk.
    case diskSlow = "disk-slow"
    /// The target's wall clock jumps.
    case clock
    /// Answers of the target's RPC port are cut off just after the request got through.
    case answerLoss = "answer-loss"
    /// A member leaves and comes back.
    case leave

    /// Takes one authority out of the quorum, or may.
    var impairsAuthority: Bool {
        switch self {
        case .kill, .storeKill, .stop, .isolate, .mute, .majority, .diskFull, .diskSlow, .clock: true
        case .splitFrontends, .loss, .duplicate, .delay, .answerLoss, .leave: false
        }
    }
}

/// Whom an act hits. A leader is looked up when the act begins.
enum Target: Hashable, Sendable, CustomStringConvertible {
    case leader, follower
    case authority(Int)
    case frontend(Int)
    case broadcaster(Int)
    case member(Int)
    case network

    init?(_ text: String) {
        switch text {
        case "leader": self = .leader
        case "follower": self = .follower
        case "network": self = .network
        default:
            let parts = text.split(separator: "-")
            guard parts.count == 2, let number = Int(parts[1]), number > 0 else { return nil }
            switch parts[0] {
            case "authority": self = .authority(number)
            case "frontend": self = .frontend(number)
            case "broadcaster": self = .broadcaster(number)
            case "member": self = .member(number)
            default: return nil
            }
        }
    }

    var description: String {
        switch self {
        case .leader: "leader"
        case .follower: "follower"
        case .network: "network"
        case .authority(let number): "authority-\(number)"
        case .frontend(let number): "frontend-\(number)"
        case .broadcaster(let number): "broadcaster-\(number)"
        case .member(let number): "member-\(number)"
        }
    }

    var isAuthority: Bool {
        switch self {
        case .leader, .follower, .authority: true
        case .frontend, .broadcaster, .member, .network: false
        }
    }
}

/// One line of a plan: `START KIND TARGET DURATION [LEVEL]`, times in seconds from the start of the run.
///
/// The level is what the kind makes of it: per cent of packets for `loss` and `duplicate`, milliseconds for `delay` and
/// `disk-slow`, seconds for `clock`.
struct Act: Hashable, Sendable, CustomStringConvertible {
    /// Milliseconds from the start of the run.
    var start: Int
    var kind: FaultKind
    var target: Target
    /// Milliseconds.
    var duration: Int
    var level = 0

    var end: Int { start + duration }
    var threatensQuorum: Bool { kind.impairsAuthority && (target.isAuthority || kind == .majority) }

    var description: String {
        let words = [Self.seconds(start), kind.rawValue, target.description, Self.seconds(duration)]
        return (words + (level == 0 ? [] : [String(level)])).joined(separator: " ")
    }

    static func seconds(_ milliseconds: Int) -> String {
        let rest = String(milliseconds % 1000)
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }
}
