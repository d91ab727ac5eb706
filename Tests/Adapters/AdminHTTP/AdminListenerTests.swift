import AdminHTTP
import Dispatch
import Glibc
import IKEVocabulary
import NIOPosix
import Testing

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

    @Test func aCrowdIsTurnedAwayAndLeavesRoomAgain() async throws {
        let listener = try await listener { _ in AdminReply("ok") }
        let port = listener.endpoint.port
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        // Sixteen that say nothing; each is there when the kernel has accepted it.
        var silent = (0..<16).compactMap { _ in Visitor(port) }
        #expect(silent.count == 16)
        try await Task.sleep(for: .milliseconds(200))
        #expect(await !exchange(listener, request).contains("200 OK"))
        silent = []
        try await Task.sleep(for: .milliseconds(200))
        #expect(await exchange(listener, request).contains("200 OK"))
        await listener.close()
    }
}

/// A blocking TCP client; hangs up when it goes.
private final class Visitor {
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
        let octets = Array(text.utf8)
        _ = send(descriptor, octets, octets.count, CInt(MSG_NOSIGNAL))
        var answer: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while case let count = recv(descriptor, &part, part.count, 0), count > 0 { answer += part.prefix(count) }
        return String(decoding: answer, as: UTF8.self)
    }
}
