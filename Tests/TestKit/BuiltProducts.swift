import Glibc

/// The programs that were built beside the running tests.
package enum BuiltProducts {
    /// Where the executable of that name lies: next to the test bundle, as SwiftPM places both.
    package static func path(_ name: String) -> String { folder + "/" + name }

    /// The folder of those programs.
    package static let folder: String = {
        var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = readlink("/proc/self/exe", &target, target.count - 1)
        let path = String(decoding: target.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
    }()

    /// The checkout the tests were built from: this file's path without `Tests/TestKit/BuiltProducts.swift`.
    package static let checkout: String = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
}
