import ArgumentParser
import Foundation
import IKEExchange
import IKEVocabulary

/// `gcks-loadgen hold`: members that register, stay for a while and show and ask for signs of life. Prints figures, one line of
/// JSON, at the end.
struct HoldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Registers members and keeps their IKE SAs.")

    @Option(help: "The responder, such as 127.0.7.11:500.", transform: Forms.endpoint)
    var frontend: Endpoint

    @Option(help: "The responder's port for IKE behind the non-ESP marker.")
    var natTraversalPort: UInt16 = 4500

    @Option(help: "How many members.")
    var members = 200

    @Option(help: "The number of the first one.")
    var first = 0

    @Option(help: "How long they stay once all are registered or refused.")
    var seconds = 10

    @Option(help: "Registrations under way at once.")
    var outstanding = 32

    @Option(help: "Milliseconds between a member's questions for a sign of life.")
    var liveness = 2000

    @Option(help: "The first of the members' addresses.", transform: Forms.address)
    var source: IPAddress

    @Option(help: "How many addresses, counted on from the first.")
    var sources = 16

    @Option(help: "The group to join by GSA_AUTH.", transform: Forms.identity)
    var group: Identity

    @Option(name: .customLong("sender-ids"), help: "Sender-IDs to ask for; 0 for a receiver.")
    var senderIDs: UInt32 = 0

    @Flag(help: "Say Delete at the end; without it the SAs stay up at the responder.")
    var leave = false

    @Option(help: "The shared key of all members.")
    var secret = "bench psk"

    func validate() throws {
        guard (1...100_000).contains(members), (0...1_000_000).contains(first), (0...86_400).contains(seconds),
            (1...100_000).contains(outstanding), (10...3_600_000).contains(liveness), (1...128).contains(sources)
        else { throw ValidationError("a count is out of range") }
    }

    func run() async throws {
        let plan = LoadPlan(
            remotes: [frontend], sources: try LoadPlan.addresses(from: source, count: sources),
            outstanding: outstanding,
            opening: .gsaAuth(
                GroupJoin(group: group, proposals: nil, senderIDs: senderIDs == 0 ? nil : senderIDs)),
            policy: .standard)
        let members = try LoadMembers(count: first + members, secret: secret)
        let driver = try await HoldDriver.start(
            plan, members, natTraversalPort: natTraversalPort, liveness: .milliseconds(liveness))
        await driver.register(first..<first + self.members)
        try await Task.sleep(for: .seconds(seconds))
        if leave { await driver.leave() }
        let figures = await driver.stop()
        print(String(decoding: try JSONEncoder().encode(figures), as: UTF8.self))
        fflush(nil)
    }
}

/// What became of the members.
struct HoldFigures: Encodable, Sendable {
    var registered = 0
    /// Never registered, and why.
    var failures = 0
    var reasons: [String: Int] = [:]
    /// Registered, and their IKE SA ended all the same.
    var lost = 0
    /// Questions of members for a sign of life, and how many were answered.
    var asked = 0
    var answered = 0
    /// Those whose Delete was answered.
    var left = 0
    /// Requests of the responder that members answered.
    var shown = 0
    var retransmissions = 0
}
