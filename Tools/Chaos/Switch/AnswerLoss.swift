/// TCP connections that fall silent in one direction somewhere between their handshake and their last answer: requests get
/// through, answers do not.
struct AnswerLoss: Sendable {
    private struct Flow: Hashable {
        let from: Int
        let ports: [UInt8]
    }

    /// Payload octets that still pass.
    private var left: [Flow: Int] = [:]

    /// Whether this frame is lost. `draw` says for a new connection after how many octets of payload.
    ///
    /// A handshake of mutual TLS with our certificates takes some 1500 octets from the server, what follows is answers.
    mutating func loses(_ frame: [UInt8], from port: Int, _ draw: inout SeededDraw) -> Bool {
        guard frame.count >= 54, frame[12] == 0x08, frame[13] == 0x00, frame[23] == 6 else { return false }
        let start = 14 + Int(frame[14] & 15) * 4
        guard frame.count >= start + 20 else { return false }
        let flow = Flow(from: port, ports: Array(frame[26..<34] + frame[start..<start + 4]))
        let isFirst = frame[start + 13] & 0x02 != 0
        if isFirst {
            if left.count > 4096 { left = [:] }
            left[flow] = draw.number(in: 1200...2600)
        }
        guard let allowed = left[flow] else { return false }
        let total = Int(frame[16]) << 8 | Int(frame[17])
        let payload = max(0, total - (start - 14) - Int(frame[start + 12] >> 4) * 4)
        guard payload > 0 else { return allowed <= 0 }
        left[flow] = allowed - payload
        return allowed - payload < 0
    }
}
