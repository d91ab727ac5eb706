import Glibc
package import GroupModel
package import IKEVocabulary
package import KeyMaterial
import Synchronization

/// Writes session keys in Wireshark's table formats. For the lab only: whoever reads these files reads the traffic.
///
/// Rows go to `ikev2_decryption_table` and `esp_sa` in a folder that can be Wireshark's own configuration. Suites Wireshark
/// has no name for are left out.
package final class KeyLog: Sendable {
    private let folder: String
    private let lock = Mutex(RecentRows())

    /// Nil when the folder cannot be made. Files have mode 0600.
    package init?(folder: String) {
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { return nil }
        self.folder = folder
    }

    package func ike(
        spiI: IKESPI, spiR: IKESPI, suite: ProtectionSuite, skEi: HeldSecret, skEr: HeldSecret, skAi: HeldSecret,
        skAr: HeldSecret
    ) {
        let row = WiresharkRow.ike(
            spiI: spiI, spiR: spiR, suite: suite, skEi: skEi, skEr: skEr, skAi: skAi, skAr: skAr)
        append(row, to: WiresharkRow.ikeTable)
    }

    package func rekeySA(_ sa: KeyedRekeySA) { append(WiresharkRow.rekeySA(sa), to: WiresharkRow.ikeTable) }

    package func dataSA(_ sa: KeyedDataSA) { append(WiresharkRow.dataSA(sa), to: WiresharkRow.espTable) }

    private func append(_ row: SecretText?, to file: String) {
        guard let octets = row?.octets() else { return }
        lock.withLock { recent in
            octets.withUnsafeOctets { octets in
                guard recent.note(octets) else { return }
                let descriptor = open("\(folder)/\(file)", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
                guard descriptor >= 0 else { return }
                defer { close(descriptor) }
                _ = write(descriptor, octets.baseAddress, octets.count)
            }
        }
    }
}

/// The rows written lately, by hash and without a key, so that a row is not written again for every registration.
private struct RecentRows {
    private static let most = 4096
    private var hashes: Set<Int> = []
    private var order: [Int] = []
    private var oldest = 0

    /// False when the row was written lately.
    mutating func note(_ row: UnsafeRawBufferPointer) -> Bool {
        var hasher = Hasher()
        hasher.combine(bytes: row)
        let hash = hasher.finalize()
        guard hashes.insert(hash).inserted else { return false }
        if order.count < Self.most {
            order.append(hash)
        } else {
            hashes.remove(order[oldest])
            order[oldest] = hash
            oldest = (oldest + 1) % Self.most
        }
        return true
    }
}
