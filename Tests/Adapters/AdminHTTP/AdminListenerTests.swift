import Dispatch
import Glibc
import IKEVocabulary
import NIOPosix
import Synchronization
import Testing

@testable import AdminHTTP

/// Everything here goes over real sockets, by hand: what a visitor may send and what he gets.
@Suite struct AdminListenerTests {
    private func listener(_ answer: @escaping AdminListener.Answer) async throws -> AdminListener {
        let address = try #require(IPAddress("127.0.0.1"))
        return try await AdminListener.bind(
            Endpoint(address, port: 0), on: MultiThreadedEventLoopGroup.singleton.next(), answer: answer)
    }

    private func exchange(_ listener: AdminListener, _ text: String) async -> String {
        let port = listener.endpoint.port
        // It blocks, which a task must not: the answer needs a thread too.
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(returning: Visitor(port)?.exchange(text) ?? "no connection")
            }
        }
    }

    @Test func answersOneRequestAndHangsUp() async throws {
        let listener = try await listener { AdminReply("\($0.path) \($0.flags.sorted()) \($0.accept)\n") }
        let reply = await exchange(listener, "GET /readyz?verbose&x=1 HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\n")
        #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(reply.hasSuffix("\r\n\r\n/readyz [\"verbose\", \"x\"] b\n"))
        #expect(reply.contains("connection: close"))
        let two = await exchange(
            listener, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(two.contains("/1 []") && !two.contains("/2 []"))
        await listener.close()
    }

    @Test func headHasNoBody() async throws {
        let listener = try await listener { _ in AdminReply("twelve octets") }
        let reply = await exchange(listener, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(reply.contains("content-length: 13\r\n") && reply.hasSuffix("\r\n\r\n"))
        await listener.close()
    }

    @Test func nothingButGetAndHead() async throws {
        let listener = try await listener { _ in AdminReply("ok") }
        let post = await exchange(listener, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
        #expect(post.hasPrefix("HTTP/1.1 405 ") && post.contains("allow: GET, HEAD"))
        let body = await exchange(listener, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
        #expect(body.hasPrefix("HTTP/1.1 413 "))
        await listener.close()
    }

    @Test func whatIsTooLongOrNoHTTPIsHungUpOn() async throws {
        let listener = try await listener { _ in AdminReply("ok") }
        let long = "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: 9000) + "\r\n\r\n"
        #expect(await !exchange(listener, long).contains("200 OK"))
        #expect(await !exchange(listener, "\u{16}\u{3}\u{1}\r\n\r\n").contains("200 OK"))
        #expect(await exchange(listener, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").contains("200 OK"))
        await listener.close()
    }

    @Test func aCrowdThatSaysNothingGivesWay() async throws {
        let listener = try await listener { _ in AdminReply("ok") }
        let port = listener.endpoint.port
        let request = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
        var silent: [Visitor] = []
        for _ in 0..<100 {
            if let visitor = Visitor(port) { silent.append(visitor) }
            silent.last?.say("GET /livez HTTP/1.1\r\nHo")
        }
        #expect(silent.count == 100)
        for _ in 0..<5 { #expect(await exchange(listener, request).contains("200 OK")) }
        silent = []
        await listener.close()
    }

    @Test func whoIsOneTooManyIsToldSo() async throws {
        let isOpen = Mutex(false)
        let listener = try await listener { _ in
            while !isOpen.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(10)) }
            return AdminReply("ok")
        }
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        let asking = (0..<20).compactMap { _ in Visitor(listener.endpoint.port) }
        #expect(asking.count == 20)
        for visitor in asking { visitor.say(request) }
        try await Task.sleep(for: .milliseconds(500))
        #expect(await exchange(listener, request).hasPrefix("HTTP/1.1 503 "))
        isOpen.withLock { $0 = true }
        let answers = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: asking.map { $0.hear() }) }
        }
        #expect(answers.allSatisfy { $0.contains("200 OK") })
        #expect(await exchange(listener, request).contains("200 OK"))
        await listener.close()
    }

    @Test func somePlacesAreForThisHost() {
        let visitors = Visitors()
        let far = (0..<16).compactMap { _ in visitors.come(isLocal: false) {} }
        #expect(far.count == 16)
        for number in far { visitors.asks(number) }
        #expect(visitors.come(isLocal: false) {} == nil)
        let near = (0..<4).compactMap { _ in visitors.come(isLocal: true) {} }
        #expect(near.count == 4)
        // Those who say nothing go first; of this host only for one of this host.
        #expect(visitors.come(isLocal: false) {} == nil)
        #expect(visitors.come(isLocal: true) {} != nil)
        visitors.go(far[3])
        var isHungUp = false
        #expect(visitors.come(isLocal: false) { isHungUp = true } != nil)
        #expect(!isHungUp)
        #expect(visitors.come(isLocal: true) {} != nil)
        #expect(isHungUp)
    }
}

/// A blocking TCP client; hangs up when it goes.
private final class Visitor: Sendable {
    private let descriptor: CInt

    init?(_ port: UInt16) {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 15, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            return nil
        }
    }

    deinit { close(descriptor) }

    func exchange(_ text: String) -> String {
        say(text)
        return hear()
    }

    func say(_ text: String) {
        let octets = Array(text.utf8)
        _ = send(descriptor, octets, octets.count, CInt(MSG_NOSIGNAL))
    }

    /// Until the other end hangs up.
    func hear() -> String {
        var answer: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while case let count = recv(descriptor, &part, part.count, 0), count > 0 { answer += part.prefix(count) }
        return String(decoding: answer, as: UTF8.self)
    }
}
