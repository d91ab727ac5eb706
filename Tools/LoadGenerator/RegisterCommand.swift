import ArgumentParser
import Glibc
import IKEExchange
import IKEVocabulary

/// `gcks-loadgen register`: opens SAs and leaves them up. Prints "measuring" when the warm-up is over and figures, one line of
/// JSON, at the end.
struct RegisterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "register", abstract: "Opens IKE SAs with one responder and leaves them up.")

    @Option(help: "A responder, such as 127.0.7.11:500; members go to several in turn.", transform: Forms.endpoint)
    var frontend: [Endpoint]

    @Option(help: "How members prove themselves: psk or ecdsa.")
    var auth: MemberProof = .psk

    @Option(help: "SAs that are measured.")
    var sas = 20_000

    @Option(help: "SAs opened before, not measured: first-time work of the processes.")
    var warmUp = 500

    @Option(help: "Registrations under way at once.")
    var outstanding = 64

    @Option(help: "The first of the members' addresses.", transform: Forms.address)
    var source: IPAddress

    @Option(help: "How many addresses, counted on from the first.")
    var sources = 16

    @Option(help: "The group to join by GSA_AUTH.", transform: Forms.identity)
    var group: Identity?

    @Option(help: "Sender-IDs to ask for; 0 for a receiver.")
    var senderIDs: UInt32 = 0

    @Flag(help: "Childless IKE_AUTH instead of GSA_AUTH, as a plain IKEv2 initiator.")
    var childless = false

    @Option(help: "The shared key of all members.")
    var secret = "bench psk"

    @Option(help: "The CA of members and responder, PEM.")
    var ca: String?

    @Option(help: "The CA's key, PEM.")
    var caKey: String?

    @Option(help: "A process to measure, as NAME=PID; may be repeated.", transform: Forms.process)
    var meter: [ProcessMeter] = []

    func validate() throws {
        guard childless != (group != nil) else { throw ValidationError("either --group or --childless") }
        guard (1...10_000_000).contains(sas), (0...10_000_000).contains(warmUp), (1...100_000).contains(outstanding),
            (1...128).contains(sources)
        else { throw ValidationError("a count is out of range") }
        guard auth == .psk || (ca != nil && caKey != nil) else {
            throw ValidationError("ecdsa needs --ca and --ca-key")
        }
    }

    func run() async throws {
        let plan = LoadPlan(
            remotes: frontend, sources: try LoadPlan.addresses(from: source, count: sources), outstanding: outstanding,
            opening: opening, policy: policy)
        let driver = try await LoadDriver.start(plan, try makeMembers())
        _ = await driver.run(members: 0..<warmUp)
        // Whoever measures beside us begins here.
        print("measuring")
        fflush(nil)
        let before = meter.map { $0.sample() }
        let load = await driver.run(members: warmUp..<warmUp + sas)
        let costs = zip(meter, before).map { ProcessCost($0, since: $1, over: load.established) }
        await driver.stop()
        try RegisterFigures(auth: auth, load: load, outstanding: outstanding, processes: costs).printLine()
    }

    private var opening: OpeningExchange {
        guard let group else { return .ikeAuth }
        return .gsaAuth(GroupJoin(group: group, proposals: nil, senderIDs: senderIDs == 0 ? nil : senderIDs))
    }

    /// A plain initiator offers no key wrap: a responder of plain IKEv2 would not know the transform.
    private var policy: IKEPolicy {
        var policy = IKEPolicy.standard
        if childless { policy.keyWraps = [] }
        return policy
    }

    private func makeMembers() throws -> LoadMembers {
        guard auth == .ecdsa, let ca, let caKey else { return try LoadMembers(count: warmUp + sas, secret: secret) }
        return try LoadMembers(count: warmUp + sas, authority: MemberAuthority(certificate: ca, key: caKey))
    }
}

enum MemberProof: String, ExpressibleByArgument, Encodable, Sendable { case psk, ecdsa }

/// Arguments as values.
enum Forms {
    static func endpoint(_ text: String) throws -> Endpoint { try value(Endpoint(text), text) }
    static func address(_ text: String) throws -> IPAddress { try value(IPAddress(text), text) }
    static func identity(_ text: String) throws -> Identity { try value(Identity(text), text) }

    static func process(_ text: String) throws -> ProcessMeter {
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let pid = Int32(parts[1]) else { throw ValidationError("not NAME=PID: \(text)") }
        return try value(ProcessMeter(name: String(parts[0]), pid: pid), text)
    }

    private static func value<Value>(_ value: Value?, _ text: String) throws -> Value {
        guard let value else { throw ValidationError("not understood: \(text)") }
        return value
    }
}
