import Foundation

/// What some kinds of faults need.
enum MachineAbilities {
    /// libfaketime, where Debian installs it.
    static var clockLibrary: String? {
        let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map { "/usr/lib/\($0)/faketime/libfaketimeMT.so.1" }
        return places.first { FileManager.default.fileExists(atPath: $0) }
    }

    /// Kinds this machine cannot make, and what is missing.
    static var lacking: [(kind: FaultKind, what: String)] {
        var lacking: [(kind: FaultKind, what: String)] = []
        if clockLibrary == nil { lacking.append((.clock, "libfaketime is not installed")) }
        if !["/usr/bin/strace", "/bin/strace"].contains(where: FileManager.default.isExecutableFile) {
            lacking.append((.diskSlow, "strace is not installed"))
        }
        return lacking
    }
}
