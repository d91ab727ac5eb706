package import IKEVocabulary

/// What the authority takes and keeps. Every queue and table it holds has its number here.
package struct AuthorityLimits: Hashable, Sendable {
    package var groups: Int = 1024
    package var rekeyOrdersKept: Int = 4096
    package var refusalsKept: Int = 256
    /// Operations are remembered this long, so that a retry finds its first result.
    package var operationsKept: Lifetime = Lifetime(seconds: 3600)
    package var operationsForgottenAtOnce: Int = 2048
    /// A key is replaced when this part of its life remains (one tenth), though never later than `leastLead`.
    package var rekeyLeadDivisor: UInt32 = 10
    package var leastLead: Lifetime = Lifetime(seconds: 10)
    /// A GSA_REKEY that no broadcaster acknowledged is offered again for this long.
    package var rekeyOrderLife: Lifetime = Lifetime(seconds: 300)

    package init() {}
}
