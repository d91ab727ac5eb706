package import IKEVocabulary

/// How often one answer is sent again. Whoever recorded its request could else ask for it for ever, in anybody's name.
package struct RepeatBudget: Sendable {
    private var free = ExchangeLimits.freeRepeats
    private var next = Moment(nanoseconds: 0)

    package init() {}

    /// True when the answer may be sent once more now.
    package mutating func take(at now: Moment) -> Bool {
        guard free > 0 || next <= now else { return false }
        if free > 0 { free -= 1 }
        next = now + ExchangeLimits.repeatPause
        return true
    }
}
