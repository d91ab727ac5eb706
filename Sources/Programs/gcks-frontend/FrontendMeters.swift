import GroupModel
import IKEExchange
import IKEVocabulary
import RegistrationCore
import Telemetry

/// What a frontend counts beside its core: octets sent by whether the other end had proved anything, and how long the authority
/// takes.
/// One event loop's; a few additions for each datagram.
struct FrontendMeters {
    struct Octets {
        var unproved: Int64 = 0
        var proved: Int64 = 0
    }

    private(set) var sent = Octets()
    private(set) var registrations = LabelledHistogram()
    private var asked: [OperationID: Moment] = [:]

    /// Questions that are timed at once; more are answered all the same.
    private static let mostAsked = 16_384

    /// An answer outside IKE_SA_INIT goes only to who proved to hold an SA's keys.
    mutating func sends(_ datagrams: [[UInt8]]) {
        for datagram in datagrams {
            if Self.isInitial(datagram) {
                sent.unproved += Int64(datagram.count)
            } else {
                sent.proved += Int64(datagram.count)
            }
        }
    }

    mutating func asks(_ request: RegistrationRequest, at now: Moment) {
        if asked.count < Self.mostAsked { asked[request.operation] = now }
    }

    mutating func hears(_ answers: [RegistrationAnswer], at now: Moment) {
        for answer in answers {
            guard let since = asked.removeValue(forKey: answer.operation) else { continue }
            registrations.observe(now.since(since).inSeconds, answer.operation.exchange)
        }
    }

    /// The exchange type is the 19th octet of a message (RFC 7296 3.1).
    private static func isInitial(_ datagram: [UInt8]) -> Bool {
        datagram.count > 18 && datagram[18] == ExchangeType.ikeSAInit.rawValue
    }
}

extension OperationID {
    /// The exchange that asked: GSA_AUTH is the first after IKE_SA_INIT, and has Message ID 1.
    fileprivate var exchange: String { octets.suffix(4) == [0, 0, 0, 1] ? "gsa_auth" : "gsa_registration" }
}
