import IKEVocabulary

/// Where an IKE SA stands with its rekey; `SA` is the end's own kind.
struct RekeyStanding<SA: AnyObject> {
    /// OPTIMIZED_REKEY, when both ends announced it.
    var optimized: NotifyType?
    /// What the peer's rekey made while ours is under way (RFC 7296 2.8.2).
    var candidate: (sa: SA, keys: RekeyedKeys)?
    /// Another SA took the place of this one.
    var isReplaced = false

    /// Another SA takes the place of this one: once only, and not one that was deleted before anything was decided. Then this one
    /// goes on, or ends without one after it.
    mutating func settles(heirIsClosed: Bool) -> Bool {
        guard !isReplaced else { return false }
        candidate = nil
        isReplaced = !heirIsClosed
        return isReplaced
    }

    /// True for the SA that nobody has rekeyed, or is about to rekey from the other end.
    var isOpen: Bool { !isReplaced && candidate == nil }
}
