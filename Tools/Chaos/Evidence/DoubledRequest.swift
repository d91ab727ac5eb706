/// A request that was sent once more after its answer.
struct DoubledRequest: Hashable, Sendable {
    let requestID: String
    /// The group's generation before and after.
    let before: Int
    let after: Int
}
