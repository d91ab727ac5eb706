import ArgumentParser
import Glibc
import IKEExchange
import IKEVocabulary
import NIOCore

/// `gcks-loadgen stream`: one registration after the other at a steady pace, and a line of JSON for each when it is settled.
struct StreamCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stream", abstract: "Begins a registration every so often and tells when each has its SA.",
        discussion: "Ends when all members are settled. Members prove themselves by a shared key.")

    @Option(help: "A responder, such as 127.0.7.11:500; members go to several in turn.", transform: Forms.endpoint)
    var frontend: [Endpoint]

    @Option(help: "The group to join by GSA_AUTH.", transform: Forms.identity)
    var group: Identity

    @Option(help: "Members, one registration each.")
    var members = 1000

    @Option(help: "The number of the first member.")
    var first = 0

    @Option(help: "Milliseconds from one beginning to the next.")
    var every = 20

    @Option(help: "Registrations under way at once; above it a turn is left out.")
    var outstanding = 256

    @Option(name: .customLong("sender-ids"), help: "Sender-IDs to ask for; 0 for a receiver.")
    var senderIDs: UInt32 = 0

    @Option(help: "The first of the members' addresses.", transform: Forms.address)
    var source: IPAddress

    @Option(help: "How many addresses, counted on from the first.")
    var sources = 16

    @Option(help: "The shared key of all members.")
    var secret = "bench psk"

    func validate() throws {
        guard (1...1_000_000).contains(members), (0...1_000_000).contains(first), (1...60_000).contains(every),
            (1...100_000).contains(outstanding), (1...128).contains(sources), !frontend.isEmpty
        else { throw ValidationError("a count is out of range") }
    }

    func run() async throws {
        let join = GroupJoin(group: group, proposals: nil, senderIDs: senderIDs == 0 ? nil : senderIDs)
        let plan = LoadPlan(
            remotes: frontend, sources: try LoadPlan.addresses(from: source, count: sources), outstanding: outstanding,
            pace: .milliseconds(Int64(every)), opening: .gsaAuth(join), policy: .standard,
            onSettled: { settled in
                try? settled.printLine()
                // Whoever reads wants it now.
                fflush(nil)
            })
        let driver = try await LoadDriver.start(plan, try LoadMembers(count: first + members, secret: secret))
        _ = await driver.run(members: first..<first + members)
        await driver.stop()
    }
}
