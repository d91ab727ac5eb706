import ArgumentParser
import Glibc

/// `gcks-loadgen rekey`: what exclusions from a large group cost the authority, without processes, sockets and disks.
struct RekeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rekey",
        abstract: "Measures what exclusions from a group with a key tree cost, in CPU time and octets.",
        discussion: """
            Fills a group by registrations, reads it back as a new leader would, then takes members out of it at random. Beside \
            each exclusion the same number of key wraps and of signatures is made bare.
            """)

    @Option(help: "Members of the group.") var members = 1000
    @Option(help: "Children of a node of the key tree, 2 to 16.") var degree: UInt8 = 4
    @Option(help: "Exclusions of each size.") var runs = 11

    private static let sizes = [1, 10, 100]

    func run() async throws {
        let group = try LargeGroup(degree: degree)
        let before = group.residentOctets
        let registration = try group.fill(members)
        let resident = Double(group.residentOctets - before) / Double(members)
        let restart = try group.restart()
        let exclusions = try Self.sizes.filter { $0 * 4 * runs <= members }.map { size in
            try ExclusionFigures(of: size, (0..<runs).map { _ in try group.exclude(size) })
        }
        try RekeyFigures(
            members: members, degree: Int(degree), registrationMicroseconds: registration,
            residentOctetsPerMember: resident, restartSeconds: restart, exclusions: exclusions
        ).printLine()
    }
}

struct RekeyFigures: Encodable {
    let members: Int
    let degree: Int
    /// CPU time of one decision, over the last tenth of the members.
    let registrationMicroseconds: Double
    /// The leader's memory, without the store's.
    let residentOctetsPerMember: Double
    /// CPU time from the stored rows to a leader that can decide.
    let restartSeconds: Double
    let exclusions: [ExclusionFigures]
}

/// Medians over the exclusions of one size.
struct ExclusionFigures: Encodable {
    let excluded: Int
    let messages: Double
    let octets: Double
    let datagrams: Double
    let wraps: Double
    let milliseconds: Double
    let bareMilliseconds: Double

    init(of excluded: Int, _ runs: [LargeGroup.Exclusion]) {
        self.excluded = excluded
        messages = runs.map { Double($0.messages) }.median
        octets = runs.map { Double($0.octets) }.median
        datagrams = runs.map { Double($0.datagrams) }.median
        wraps = runs.map { Double($0.wraps) }.median
        milliseconds = runs.map(\.milliseconds).median
        bareMilliseconds = runs.map(\.bareMilliseconds).median
    }
}

/// CPU time of this thread.
enum ThreadTime {
    static var nanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    static func milliseconds(since start: Int64) -> Double { Double(nanoseconds - start) / 1e6 }
}
