import ArgumentParser
import IKEExchange
import IKEVocabulary
import NIOCore

/// What all members of a run have in common.
struct LoadPlan {
    /// Members go to these in turn.
    let remotes: [Endpoint]
    /// Members are spread over these: a frontend asks an address with many half-open SAs for cookies.
    let sources: [IPAddress]
    let outstanding: Int
    /// One member begins every so often; nil for as fast as `outstanding` allows.
    var pace: TimeAmount?
    let opening: OpeningExchange
    let policy: IKEPolicy
    /// Called for each member that has its SA or was refused one.
    var onSettled: (@Sendable (SettledMember) -> Void)?

    /// IPv4 addresses that follow each other in the last octet.
    static func addresses(from first: IPAddress, count: Int) throws -> [IPAddress] {
        var octets = first.octets
        guard first.isIPv4, Int(octets[3]) + count <= 256 else {
            throw ValidationError("--source is an IPv4 address with room for --sources after it")
        }
        return (0..<count).compactMap { step in
            octets[3] = first.octets[3] + UInt8(step)
            return IPAddress(octets: octets)
        }
    }
}
