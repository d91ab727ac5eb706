import Foundation
import Glibc

/// A network card whose cable ends in this process (tun(4), IFF_TAP).
struct TapDevice: Sendable {
    let descriptor: Int32

    /// Makes the device and moves it into the network namespace of `pid`, where it is called eth0 and has `addresses`/16.
    init(name: String, into pid: pid_t, addresses: [String]) throws {
        descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw LabFailure("/dev/net/tun: \(String(cString: strerror(errno))); TAP devices are needed")
        }
        // struct ifreq: the name in 16 octets, then the flags.
        var request = [UInt8](repeating: 0, count: 40)
        for (index, octet) in name.utf8.prefix(15).enumerated() { request[index] = octet }
        let flags: UInt16 = 0x0002 | 0x1000  // IFF_TAP | IFF_NO_PI
        (request[16], request[17]) = (UInt8(flags & 0xff), UInt8(flags >> 8))
        let setInterface: UInt = 0x4004_54ca  // TUNSETIFF
        let made = request.withUnsafeMutableBytes { octets in
            octets.baseAddress.map { ioctl(descriptor, setInterface, $0) } ?? -1
        }
        guard made == 0 else { throw LabFailure("no TAP device: \(String(cString: strerror(errno)))") }
        try Shell.run(["ip", "link", "set", name, "netns", "\(pid)", "name", "eth0"])
        var script = "ip link set lo up && ip link set eth0 up && ip link set eth0 multicast on"
        for address in addresses { script += " && ip address add \(address)/16 dev eth0" }
        script += " && ip route add 224.0.0.0/4 dev eth0"
        try Shell.run(["nsenter", "-t", "\(pid)", "-n", "sh", "-c", script])
    }
}
