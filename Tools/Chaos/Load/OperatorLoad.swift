import Foundation
import Glibc
import Synchronization

/// The operator: one change after the other, each asked for under its own request id until there is a clear answer.
final class OperatorLoad: Sendable {
    private struct State {
        var ledger: [LedgerEntry] = []
        var views: [GroupView] = []
        var doubled: [DoubledRequest] = []
        var excluded: Set<String> = []
        var askedBack: Set<String> = []
        var isStopping = false
        var isDone = false
    }

    private let control: ControlClient
    private let members: Int
    private let canEvict: Bool
    private let canTransfer: Bool
    private let state = Mutex(State())

    init(control: ControlClient, members: Int) {
        (self.control, self.members) = (control, members)
        canEvict = control.knows(["member", "evict"]) && control.knows(["member", "allow"])
        canTransfer = control.knows(["leader", "transfer"])
    }

    var abilities: String {
        "group apply, rekey now" + (canEvict ? ", member evict and allow" : "")
            + (canTransfer ? ", leader transfer" : "")
    }

    var ledger: [LedgerEntry] { state.withLock { $0.ledger } }
    var views: [GroupView] { state.withLock { $0.views } }
    var doubled: [DoubledRequest] { state.withLock { $0.doubled } }
    var excluded: Set<String> { state.withLock { $0.excluded } }
    /// Excluded once, and allowed again.
    var askedBack: Set<String> { state.withLock { $0.askedBack } }
    var isDone: Bool { state.withLock { $0.isDone } }

    func start(seed: UInt64) {
        Thread.detachNewThread { [self] in
            var draw = SeededDraw(seed: seed ^ 0x6f70)
            var number = 0
            while !state.withLock({ $0.isStopping }) {
                number += 1
                perform(next(number, &draw), &draw)
                Clock.pause(milliseconds: draw.number(in: 100...900))
            }
            state.withLock { $0.isDone = true }
        }
    }

    /// No new change; the one under way is asked for until it is answered.
    func stop() { state.withLock { $0.isStopping = true } }

    private func next(_ number: Int, _ draw: inout SeededDraw) -> LedgerEntry.Change {
        let group = "market-data"
        // Early, so that short runs have an exclusion too, and rekeys after it.
        if number == 3, canEvict { return .evict(group: group, member: "fqdn:\(Fleet.memberName(1))") }
        switch draw.number(in: 1...100) {
        case 1...15: return .createGroup("probe-\(number)")
        case 16...30: return .memberLimit(group: group, 1000 + number)
        case 31...42 where canEvict:
            if number > 10, let member = excluded.sorted().first { return .allow(group: group, member: member) }
            guard excluded.isEmpty else { return .rekey(group: group, scope: "--tek") }
            return .evict(group: group, member: "fqdn:\(Fleet.memberName(draw.number(in: 1...members)))")
        case 43...47 where canTransfer: return .transfer(to: "authority-\(draw.number(in: 1...3))")
        case let other: return .rekey(group: group, scope: ["--tek", "--kek", "--all"][other % 3])
        }
    }

    private func perform(_ change: LedgerEntry.Change, _ draw: inout SeededDraw) {
        let id = (0..<16).map { _ in String(format: "%02x", UInt8.random(in: .min ... .max)) }.joined()
        var entry = LedgerEntry(requestID: id, change: change)
        let index = state.withLock { state in
            state.ledger.append(entry)
            return state.ledger.count - 1
        }
        let command = arguments(change, id)
        // Bounded: whoever gets no answer in five minutes stays without one, and a check says so.
        let end = Clock.monotonicMilliseconds() + 300_000
        repeat {
            let sent = Clock.wallMilliseconds()
            let answer = control.run(command)
            entry.attempts.append(
                LedgerEntry.Attempt(sent: sent, answered: Clock.wallMilliseconds(), code: answer.code))
            let known = entry
            state.withLock { $0.ledger[index] = known }
            if !entry.isResolved { Clock.pause(milliseconds: 150) }
        } while !entry.isResolved && Clock.monotonicMilliseconds() < end
        guard entry.isAcknowledged else { return }
        note(change)
        guard let view = look() else { return }
        if draw.number(in: 1...10) == 1 { askAgain(command, entry, view) }
    }

    private func note(_ change: LedgerEntry.Change) {
        state.withLock { state in
            switch change {
            case .evict(_, let member):
                state.excluded.insert(member)
                state.askedBack.remove(member)
            case .allow(_, let member):
                state.excluded.remove(member)
                state.askedBack.insert(member)
            case .createGroup, .memberLimit, .rekey, .transfer: break
            }
        }
    }

    /// The same request once more, long after its answer: nothing may happen.
    private func askAgain(_ command: [String], _ entry: LedgerEntry, _ before: GroupView) {
        guard case .rekey = entry.change, control.run(command).code == 0, let after = look() else { return }
        state.withLock { state in
            state.doubled.append(
                DoubledRequest(requestID: entry.requestID, before: before.generation, after: after.generation))
        }
    }

    /// Views the group until there is an answer, at most half a minute.
    @discardableResult
    func look() -> GroupView? {
        for _ in 0..<60 {
            if let group = control.items(["group", "show", "market-data"], ShownGroup.self)?.first {
                let view = group.view(at: Clock.wallMilliseconds())
                state.withLock { $0.views.append(view) }
                return view
            }
            Clock.pause(milliseconds: 200)
        }
        return nil
    }

    private func arguments(_ change: LedgerEntry.Change, _ id: String) -> [String] {
        let request = ["--request-id", id]
        switch change {
        case .createGroup(let name): return ["group", "apply", "-f", groupFile(name, limit: 1000)] + request
        case .memberLimit(let group, let limit):
            return ["group", "apply", "-f", groupFile(group, limit: limit)] + request
        case .rekey(let group, let scope): return ["rekey", "now", group, scope] + request
        case .evict(let group, let member):
            return ["member", "evict", member, "--group", group, "--reason", "chaos", "--yes", "--confirm=\(group)"]
                + request
        case .allow(let group, let member): return ["member", "allow", member, "--group", group] + request
        case .transfer(let authority): return ["leader", "transfer", authority, "--yes"] + request
        }
    }

    /// A copy of the group's file under another name, or with another limit.
    private func groupFile(_ name: String, limit: Int) -> String {
        let source = "\(control.lab.folder)/etc/market-data.yaml"
        var text = (try? String(contentsOfFile: source, encoding: .utf8)) ?? ""
        text = text.replacingOccurrences(of: "member_limit: 1000", with: "member_limit: \(limit)")
        if name != "market-data" {
            let number = Int(name.drop { !$0.isNumber }) ?? 0
            text = text.replacingOccurrences(of: "market-data", with: name)
            text = text.replacingOccurrences(of: "239.77.", with: "239.\(100 + number / 200).")
            text = text.replacingOccurrences(of: ".0.", with: ".\(number % 200).")
        }
        let path = "\(control.lab.folder)/op/\(name)-\(limit).yaml"
        _ = FileManager.default.createFile(
            atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        return path
    }
}
