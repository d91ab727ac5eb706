import Foundation
import Synchronization

/// Asks again and again who leads.
final class LeaderWatch: Sendable {
    private let control: ControlClient
    private let last = Mutex<ShownStatus?>(nil)

    init(control: ControlClient) { self.control = control }

    var leader: String? { last.withLock { $0?.leader } }
    var reachable: Int { last.withLock { $0?.reachable ?? 0 } }

    func start() {
        Thread.detachNewThread { [self] in
            while true {
                let status = control.items(["status"], ShownStatus.self)?.first
                last.withLock { $0 = status }
                Clock.pause(milliseconds: 300)
            }
        }
    }
}
