import Foundation

/// What one run of members did.
struct Load {
    var established = 0
    var failures: [String: Int] = [:]
    var retransmissions = 0
    var seconds = 0.0
    /// From the first datagram of a member to its SA.
    var milliseconds: [Double] = []
}

/// One member's way to its SA, in seconds since 1970.
struct SettledMember: Encodable, Sendable {
    let member: Int
    let frontend: String
    let began: Double
    let ended: Double
    /// Nil when it has its SA.
    let failure: String?
}

/// What a process spent on a run.
struct ProcessCost: Encodable {
    let name: String
    let cpuMillisecondsPerSA: Double
    let residentBefore: Int
    let residentAfter: Int
    let residentOctetsPerSA: Double

    init(_ meter: ProcessMeter, since before: ProcessMeter.Sample, over sas: Int) {
        let after = meter.sample()
        name = meter.name
        cpuMillisecondsPerSA = Double(after.cpuNanoseconds - before.cpuNanoseconds) / 1e6 / Double(max(sas, 1))
        (residentBefore, residentAfter) = (before.residentOctets, after.residentOctets)
        residentOctetsPerSA = Double(residentAfter - residentBefore) / Double(max(sas, 1))
    }
}

struct RegisterFigures: Encodable {
    let auth: MemberProof
    let established: Int
    let failures: [String: Int]
    let retransmissions: Int
    let outstanding: Int
    let seconds: Double
    let perSecond: Double
    let medianMilliseconds: Double
    let processes: [ProcessCost]

    init(auth: MemberProof, load: Load, outstanding: Int, processes: [ProcessCost]) {
        self.auth = auth
        established = load.established
        failures = load.failures
        retransmissions = load.retransmissions
        self.outstanding = outstanding
        seconds = load.seconds
        perSecond = Double(load.established) / max(load.seconds, 1e-9)
        medianMilliseconds = load.milliseconds.median
        self.processes = processes
    }
}

/// Public-key work of one registration at the responder, in microseconds of CPU.
struct BareFigures: Encodable {
    let auth: MemberProof
    let rounds: Int
    /// The providers as the product chooses them: swift-crypto for X25519 and ECDSA.
    let fastestMicroseconds: Double
    /// The same work by the system's OpenSSL alone.
    let openSSLMicroseconds: Double
}

extension Encodable {
    /// One line of JSON on standard output.
    func printLine() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}

extension [Double] {
    var median: Double {
        guard !isEmpty else { return 0 }
        return sorted()[count / 2]
    }
}
