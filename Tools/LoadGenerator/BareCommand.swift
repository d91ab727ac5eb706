import ArgumentParser
import Glibc
import IKECrypto

/// `gcks-loadgen bare`: what the public-key work of one registration costs without anything around it.
struct BareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bare",
        abstract: "Measures the bare public-key work of one registration at the responder, in CPU time.",
        discussion: """
            X25519 key pair and agreement; with ecdsa also the check of a certificate's signature, of AUTH, and the own \
            signature. In short rounds with pauses, so that it can share a core with the process it is compared to.
            """)

    @Option(help: "How members prove themselves: psk or ecdsa.")
    var auth: MemberProof = .psk

    @Option(help: "Rounds, unless --while is given.")
    var rounds = 50

    @Option(help: "Milliseconds between rounds.")
    var pause = 100

    @Option(help: "Go on as long as this process lives.")
    var `while`: Int32?

    private static let repetitions = 10

    func run() async throws {
        let (fastest, openSSL) = (try BareWork(auth, .fastest), try BareWork(auth, .openSSLOnly))
        var (fast, slow): ([Double], [Double]) = ([], [])
        while goesOn(after: fast.count) {
            fast.append(try fastest.microseconds(Self.repetitions))
            slow.append(try openSSL.microseconds(Self.repetitions))
            usleep(UInt32(pause) * 1000)
        }
        try BareFigures(
            auth: auth, rounds: fast.count, fastestMicroseconds: fast.median, openSSLMicroseconds: slow.median
        ).printLine()
    }

    private func goesOn(after done: Int) -> Bool {
        guard let pid = self.while else { return done < rounds }
        return done == 0 || kill(pid, 0) == 0
    }
}
