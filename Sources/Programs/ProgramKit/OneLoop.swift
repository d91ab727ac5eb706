package import NIOCore
import NIOPosix

/// One event loop for all of a program's sockets, and its tasks on that loop too. Between the loop's thread and another one,
/// every request of a registration would cost two wake-ups, each dearer than the request.
package enum OneLoop {
    /// Before anything else uses SwiftNIO, and once.
    package static func take() { NIOSingletons.groupLoopCountSuggestion = 1 }

    package static var eventLoop: any EventLoop { MultiThreadedEventLoopGroup.singleton.next() }

    /// Child tasks of `body` run on the event loop as well; what blocks would block every socket.
    package static func run(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: LoopTasks(eventLoop)) { await body() }
    }
}

/// Tasks as the event loop's work.
private final class LoopTasks: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
