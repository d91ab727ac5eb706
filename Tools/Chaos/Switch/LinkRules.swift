import Synchronization

/// What the network does to packets at present. Ports are numbered as the switch has them.
struct LinkRules: Sendable {
    struct Cut: Hashable, Sendable {
        let from: Int
        let to: Int
    }

    /// How many acts hold each cut: two acts may cut the same cable.
    private var cuts: [Cut: Int] = [:]
    /// Where answers of RPC connections are lost.
    var losingAnswers: Set<Cut> = []
    var lossPercent = 0
    var duplicatePercent = 0
    /// The most a packet is late.
    var delayMilliseconds = 0

    mutating func cut(_ list: [Cut]) { for cut in list { cuts[cut, default: 0] += 1 } }

    mutating func mend(_ list: [Cut]) {
        for cut in list {
            let count = (cuts[cut] ?? 1) - 1
            cuts[cut] = count > 0 ? count : nil
        }
    }

    mutating func mendAll() { self = LinkRules() }

    func isCut(from: Int, to: Int) -> Bool { cuts[Cut(from: from, to: to)] != nil }
}

/// The rules as acts set them and the switch reads them.
final class SharedRules: Sendable {
    private let rules = Mutex(LinkRules())

    var current: LinkRules { rules.withLock { $0 } }
    func change(_ change: (inout sending LinkRules) -> Void) { rules.withLock { change(&$0) } }
}
