import GroupModel
import IKEExchange
import IKEVocabulary
import IKEWire

/// IKE_SA_INIT: what a stranger can make a frontend do.
extension RegistrationCore {
    func handleInitial(
        _ message: FramedMessage, _ datagram: [UInt8], _ path: DatagramPath, at now: Moment
    ) -> [RegistrationEffect] {
        guard datagram.count <= limits.initialOctets else { return drop("too-large", path, "\(datagram.count) octets") }
        let key = InitialKey(spi: message.header.initiatorSPI, remote: path.remote)
        if let spi = initials[key], let slot = slots[spi], slot.initial?.request == datagram {
            return repeatReply(of: slot, path, at: now)
        }
        if draining != nil { return turnAway(message, datagram, path, at: now) }
        guard !isStopping, slots.count - halfOpen.count < limits.establishedSAs else {
            return drop("full", path, "\(slots.count) SAs")
        }
        let source = SourceNetwork(path.remote.address)
        let wantsCookie =
            halfOpen.count >= min(limits.cookieThreshold, limits.halfOpen)
            || halfOpen.count(of: source) >= limits.halfOpenPerAddress
        let outcome = InitialResponder.respond(
            to: message, datagram: datagram, path: path, configuration: configuration,
            cookies: wantsCookie ? cookies : nil, addressProof: cookies,
            admits: { buckets.take(source, at: now) }, mark: { mark($0) }, at: now, engine: engine, entropy: &entropy)
        switch outcome {
        case .silence(let why): return drop(why, path, "IKE_SA_INIT")
        case .stateless(let reply, let why):
            counters.stateless[why, default: 0] += 1
            // Nobody who did not prove his address gets more octets than he sent.
            return reply.count <= datagram.count ? route([reply], path) : []
        case .begun(let sa, let reply, let keyLog):
            makeRoom()
            let slot = Slot(sa, key, Initial(request: datagram, reply: reply), expiresAt: now + limits.halfOpenLife)
            slots[sa.ownSPI] = slot
            initials[key] = sa.ownSPI
            halfOpen.add(sa.ownSPI, source, at: now)
            arm(slot)
            return route([reply], path) + (keyLog.map { [.keyLog($0)] } ?? [])
        }
    }

    private func repeatReply(of slot: Slot, _ path: DatagramPath, at now: Moment) -> [RegistrationEffect] {
        guard let reply = slot.initial?.reply, slot.initial?.repeats.take(at: now) == true else {
            return drop("repeated", path, "IKE_SA_INIT")
        }
        return route([reply], path)
    }

    /// A full table costs whoever fills it, not those who come.
    private func makeRoom() {
        while halfOpen.count >= limits.halfOpen, let spi = halfOpen.oldestOfTheLargest, let slot = slots[spi] {
            counters.dropped["half-open-evicted", default: 0] += 1
            remove(slot)
        }
    }

    func drop(_ why: String, _ path: DatagramPath, _ detail: String) -> [RegistrationEffect] {
        counters.dropped[why, default: 0] += 1
        return [
            .event(
                Event(
                    "datagram-dropped", .info, limitedBy: path.remote.address.description,
                    [("why", why), ("remote", path.remote.description), ("detail", detail)]))
        ]
    }
}
