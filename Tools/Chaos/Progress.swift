import Foundation
import Glibc

/// What the run tells while it goes: one line an act or a second, with the time since the start.
enum Progress {
    private static let start = Clock.monotonicMilliseconds()

    static var elapsed: Int { Clock.monotonicMilliseconds() - start }

    static func say(_ text: String) {
        let seconds = Act.seconds(elapsed).dropLast(2)
        let line = String(repeating: " ", count: max(0, 7 - seconds.count)) + seconds + "  " + text + "\n"
        FileHandle.standardOutput.write(Data(line.utf8))
    }

    static func plain(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
}
