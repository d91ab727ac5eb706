import Foundation
import Glibc

/// The network between the nodes: an Ethernet switch in this process, one TAP device for each node.
///
/// It loses, doubles, delays and cuts as the rules say, and writes every UDP packet that a node sends into a capture, before
/// anything can happen to it.
final class VirtualSwitch: Sendable {
    private let ports: [TapDevice]
    private let rules: SharedRules
    private let capture: CaptureFile
    private let seed: UInt64

    init(ports: [TapDevice], rules: SharedRules, capture: CaptureFile, seed: UInt64) {
        (self.ports, self.rules, self.capture, self.seed) = (ports, rules, capture, seed)
    }

    /// Forwards until the process ends.
    func start() {
        Thread.detachNewThread { [self] in
            var forwarding = Forwarding(seed: seed)
            while true { turn(&forwarding) }
        }
    }

    private struct Late {
        let due: Int
        let port: Int
        let frame: [UInt8]
    }

    private struct Forwarding {
        var draw: SeededDraw
        var places: [[UInt8]: Int] = [:]
        var late: [Late] = []
        var answers = AnswerLoss()
        var buffer = [UInt8](repeating: 0, count: 65_536)

        init(seed: UInt64) { draw = SeededDraw(seed: seed) }
    }

    private func turn(_ state: inout Forwarding) {
        var waits = ports.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        let now = Clock.monotonicMilliseconds()
        let wait = state.late.map { $0.due - now }.min().map { max(0, $0) } ?? 1000
        guard poll(&waits, nfds_t(waits.count), Int32(clamping: min(wait, 1000))) >= 0 else { return }
        let rules = rules.current
        for (port, wait) in waits.enumerated() where wait.revents & Int16(POLLIN) != 0 {
            // Bounded, so that one loud node does not starve the others.
            for _ in 0..<64 {
                let count = read(ports[port].descriptor, &state.buffer, state.buffer.count)
                guard count >= 14 else { break }
                forward(Array(state.buffer.prefix(count)), from: port, rules, &state)
            }
        }
        sendLate(&state)
    }

    private func forward(_ frame: [UInt8], from port: Int, _ rules: LinkRules, _ state: inout Forwarding) {
        capture.add(frame)
        state.places[Array(frame[6..<12])] = port
        let known = frame[0] & 1 == 0 ? state.places[Array(frame[0..<6])] : nil
        for target in known.map({ $0...$0 }) ?? 0...ports.count - 1 where target != port {
            if rules.isCut(from: port, to: target) { continue }
            if rules.losingAnswers.contains(LinkRules.Cut(from: port, to: target)),
                state.answers.loses(frame, from: port, &state.draw)
            {
                continue
            }
            if rules.lossPercent > 0, state.draw.number(in: 1...100) <= rules.lossPercent { continue }
            let copies = rules.duplicatePercent > 0 && state.draw.number(in: 1...100) <= rules.duplicatePercent ? 2 : 1
            for _ in 0..<copies { send(frame, to: target, rules, &state) }
        }
    }

    private func send(_ frame: [UInt8], to port: Int, _ rules: LinkRules, _ state: inout Forwarding) {
        guard rules.delayMilliseconds > 0, state.late.count < 10_000 else { return write(frame, to: port) }
        let due = Clock.monotonicMilliseconds() + state.draw.number(in: 0...rules.delayMilliseconds)
        state.late.append(Late(due: due, port: port, frame: frame))
    }

    private func sendLate(_ state: inout Forwarding) {
        guard !state.late.isEmpty else { return }
        let now = Clock.monotonicMilliseconds()
        for item in state.late where item.due <= now { write(item.frame, to: item.port) }
        state.late.removeAll { $0.due <= now }
    }

    private func write(_ frame: [UInt8], to port: Int) { _ = Glibc.write(ports[port].descriptor, frame, frame.count) }
}
