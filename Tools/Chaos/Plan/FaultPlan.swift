/// The acts of a run in order of time: from a seed, or from a file.
struct FaultPlan: Hashable, Sendable {
    private(set) var acts: [Act]

    /// Acts of different lanes overlap; within a lane one follows the other. Authorities and everything that can cost the
    /// quorum share one lane, so that never more than one of three is impaired, but in a `majority` act.
    ///
    /// - Parameter kinds: the kinds that may occur.
    static func make(seed: UInt64, milliseconds: Int, kinds: Set<FaultKind>, members: Int) -> FaultPlan {
        var draw = SeededDraw(seed: seed)
        // The end is quiet, so that every act is over when the run is.
        let end = milliseconds - 5000
        var acts: [Act] = []
        acts += lane(&draw, from: 3000, to: end, gap: 6000...11_000) { authorities($0, &$1, kinds) }
        acts += lane(&draw, from: 5000, to: end, gap: 4000...9000) { edges($0, &$1, kinds) }
        acts += lane(&draw, from: 1000, to: end, gap: 700...2500) { memberships($0, &$1, kinds, members) }
        acts += lane(&draw, from: 8000, to: end, gap: 8000...20_000) { weather($0, &$1, kinds) }
        return FaultPlan(acts)
    }

    init(_ acts: [Act]) { self.acts = acts.sorted { ($0.start, "\($0)") < ($1.start, "\($1)") } }

    private typealias Choice = (kind: FaultKind, target: Target, duration: ClosedRange<Int>, level: ClosedRange<Int>)

    private static func lane(
        _ draw: inout SeededDraw, from: Int, to end: Int, gap: ClosedRange<Int>,
        _ next: (Int, inout SeededDraw) -> Act?
    ) -> [Act] {
        var acts: [Act] = []
        var time = from
        while let act = next(time, &draw), act.end <= end {
            acts.append(act)
            time = act.end + draw.number(in: gap)
        }
        return acts
    }

    private static func pick(
        _ choices: [Choice], at start: Int, _ draw: inout SeededDraw, _ kinds: Set<FaultKind>
    ) -> Act? {
        let possible = choices.filter { kinds.contains($0.kind) }
        guard !possible.isEmpty else { return nil }
        let choice = possible[draw.number(in: 0...possible.count - 1)]
        let duration = draw.number(in: choice.duration)
        return Act(
            start: start, kind: choice.kind, target: choice.target, duration: duration,
            level: draw.number(in: choice.level))
    }

    private static func authorities(_ start: Int, _ draw: inout SeededDraw, _ kinds: Set<FaultKind>) -> Act? {
        let none = 0...0
        let choices: [Choice] = [
            (.kill, .leader, 1000...6000, none), (.kill, .leader, 1000...6000, none),
            (.kill, .follower, 1000...6000, none), (.storeKill, .leader, 500...500, none),
            (.storeKill, .follower, 500...500, none), (.stop, .leader, 300...8000, none),
            (.stop, .follower, 300...8000, none), (.isolate, .leader, 2000...8000, none),
            (.isolate, .follower, 2000...8000, none), (.mute, .leader, 2000...8000, none),
            (.splitFrontends, .leader, 2000...8000, none), (.majority, .network, 4000...8000, none),
            (.diskFull, .leader, 3000...8000, none), (.diskFull, .follower, 3000...8000, none),
            (.diskSlow, .leader, 3000...8000, 20...300), (.clock, .leader, 4000...8000, -7200...7200),
            (.clock, .follower, 4000...8000, -7200...7200), (.answerLoss, .leader, 3000...8000, none),
        ]
        return pick(choices, at: start, &draw, kinds)
    }

    private static func edges(_ start: Int, _ draw: inout SeededDraw, _ kinds: Set<FaultKind>) -> Act? {
        let frontend = Target.frontend(draw.number(in: 1...2))
        let broadcaster = Target.broadcaster(draw.number(in: 1...2))
        let choices: [Choice] = [frontend, broadcaster].flatMap { target -> [Choice] in
            [
                (.kill, target, 500...5000, 0...0), (.stop, target, 300...8000, 0...0),
                (.isolate, target, 1000...6000, 0...0), (.mute, target, 1000...6000, 0...0),
            ]
        }
        return pick(choices, at: start, &draw, kinds)
    }

    private static func memberships(
        _ start: Int, _ draw: inout SeededDraw, _ kinds: Set<FaultKind>, _ members: Int
    ) -> Act? {
        guard members > 0 else { return nil }
        let member = Target.member(draw.number(in: 1...members))
        let choices: [Choice] = [
            (.leave, member, 200...3000, 0...0), (.leave, member, 200...3000, 0...0),
            (.kill, member, 200...3000, 0...0), (.stop, member, 300...4000, 0...0),
        ]
        return pick(choices, at: start, &draw, kinds)
    }

    private static func weather(_ start: Int, _ draw: inout SeededDraw, _ kinds: Set<FaultKind>) -> Act? {
        let choices: [Choice] = [
            (.loss, .network, 3000...10_000, 1...8), (.duplicate, .network, 3000...10_000, 1...15),
            (.delay, .network, 3000...10_000, 5...60),
        ]
        return pick(choices, at: start, &draw, kinds)
    }
}

/// Numbers that follow from a seed alone, the same on every machine (SplitMix64).
struct SeededDraw: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func number(in range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.count))
    }
}
