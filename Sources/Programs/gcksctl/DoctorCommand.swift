import ArgumentParser
import AuthorityRPC
import GroupModel
import IKEVocabulary
import Settings

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Looks for what commonly goes wrong, each finding with the next step.",
        discussion: """
            Clocks, certificates, files' modes, authorities, the way of multicast and its MTU from this host, kernel settings. Run
            it on the hosts of authorities, frontends and broadcasters too. Ends with 11 when something fails.

            Example: gcksctl doctor
            """)

    @OptionGroup var connection: ConnectionOptions

    private static let patience = Duration.seconds(3)

    func run() async throws {
        let reach = try connection.reach()
        var found = files(reach)
        let client = OperatorClient(link: reach.link, timeout: min(Self.patience, reach.timeout))
        found += await authorities(client, reach)
        let status: ClusterStatus?
        do {
            status = try await client.statusOfAll(within: min(Self.patience, reach.timeout))
        } catch {
            found.append(.fail("status", "\(error)", "gcksctl role whoami"))
            status = nil
        }
        if let status { found += cluster(status) }
        found += host()
        show(found)
        let worst = found.first { $0.result == .fail }
        if let worst {
            throw CommandEnd(.unhealthy, ["\(worst.check): \(worst.detail)"], next: worst.next)
        }
        Terminal.next(found.first { $0.result == .warn }?.next ?? "gcksctl status")
    }

    private func show(_ found: [CheckResult]) {
        var table = TextTable(["RESULT", "CHECK", "DETAIL", "NEXT"])
        for item in found { table.add([item.result.rawValue, item.check, item.detail, item.next ?? "-"]) }
        let items = found.map { item in
            JSONValue.object([
                ("check", .text(item.check)), ("result", .text(item.result.rawValue)), ("detail", .text(item.detail)),
                ("next", .optional(item.next)),
            ])
        }
        connection.show(table.rendered(), .document(kind: "CheckResult", items: items))
    }

    // MARK: This operator

    private func files(_ reach: Reach) -> [CheckResult] {
        var found: [CheckResult] = []
        let now = TimeText.now()
        if let file = ControlFile.path(connection.config), connection.authority.isEmpty {
            let mode = HostProbe.mode(file) ?? 0
            found.append(
                mode & 0o022 == 0
                    ? .ok("settings file", file)
                    : .warn("settings file", "\(file) can be written by others", "chmod go-w \(file)"))
        }
        guard let credentials = reach.link.credentials else { return found }
        let key = credentials.privateKeyFile
        found.append(
            SecretFile.fault(key).map { .fail("private key", $0, "chmod 600 \(key)") } ?? .ok("private key", key))
        for (name, file) in [
            ("certificate", credentials.certificateChainFile), ("trust anchor", credentials.trustRootsFile),
        ] {
            guard let certificate = CertificateFile(file) else {
                found.append(.fail(name, "\(file) holds no certificate", "openssl x509 -in \(file) -text"))
                continue
            }
            found.append(
                Doctor.certificate(
                    name, expiresAt: certificate.expiresAt, now: now, next: "have \(file) issued anew"))
            guard name == "certificate" else { continue }
            let role = certificate.uri.flatMap { PeerIdentity(uri: $0, trustDomain: credentials.trustDomain) }
            found.append(
                role.map { .ok("identity", $0.description) }
                    ?? .fail(
                        "identity",
                        "\(certificate.uri ?? "no URI SAN") is not of the trust domain \(credentials.trustDomain)",
                        "have one issued with spiffe://\(credentials.trustDomain)/gcks/ROLE/NAME"))
        }
        return found
    }

    // MARK: The cluster

    private func authorities(_ client: OperatorClient, _ reach: Reach) async -> [CheckResult] {
        var found: [CheckResult] = []
        for target in reach.link.targets {
            var link = reach.link
            link.targets = [target]
            let one = OperatorClient(link: link, timeout: client.timeout)
            let sent = TimeText.now()
            let answer = await one.identities().first?.answer
            let received = TimeText.now()
            switch answer {
            case .success(let identity)?:
                let half = (received.milliseconds - sent.milliseconds) / 2
                found.append(.ok("authority \(target.name)", "answers, version \(identity.version)"))
                found.append(
                    Doctor.clock(
                        target.name,
                        offset: .milliseconds(identity.time.milliseconds - sent.milliseconds - half),
                        within: .milliseconds(half + 1)))
                for (purpose, expiry) in identity.certificatesExpire.sorted(by: { $0.key < $1.key }) {
                    found.append(
                        Doctor.certificate(
                            "\(purpose) certificate of \(target.name)", expiresAt: expiry, now: received,
                            next: "issue it anew and restart \(target.name)"))
                }
                if identity.version != Release.version {
                    let text = "\(identity.version), and gcksctl is \(Release.version)"
                    found.append(.warn("version of \(target.name)", text, "gcksctl version"))
                }
            case .failure(let failure)?:
                found.append(
                    .fail("authority \(target.name)", "\(Self.words(failure))", "systemctl status gcks-authority"))
            case nil: break
            }
        }
        return found
    }

    private static func words(_ failure: OperatorFailure) -> String {
        CommandEnd(failure).lines.joined(separator: "; ")
    }

    private func cluster(_ status: ClusterStatus) -> [CheckResult] {
        let view = StatusView(status: status, now: TimeText.now())
        var found: [CheckResult] = [
            status.leader.map { .ok("leader", "\($0), term \(status.term)") }
                ?? .fail("leader", "no authority leads", "gcksctl status")
        ]
        for warning in view.warnings where !warning.text.hasPrefix("authority ") {
            found.append(.warn("cluster", warning.text, warning.next))
        }
        for group in status.groups {
            let definition = group.definition
            let check = "multicast of \(definition.name)"
            do throws(MulticastPath.NoWay) {
                let path = try MulticastPath.to(definition.rekey.destination)
                found.append(.ok(check, "\(definition.rekey.destination) leaves from \(path.source)"))
                found.append(Doctor.fit(definition.name, path, fragment: Int(definition.rekey.fragmentOctets)))
            } catch {
                let family = definition.rekey.destination.address.isIPv4 ? "224.0.0.0/4" : "ff00::/8"
                found.append(
                    .warn(
                        check, "no way from this host: \(error.reason)",
                        "ip route add \(family) dev INTERFACE, on hosts of broadcasters and members"))
            }
        }
        return found
    }

    // MARK: This host

    private func host() -> [CheckResult] {
        let check = "clock of this host"
        return [
            HostProbe.timeService.map { .ok(check, "kept by a time service: \($0)") }
                ?? .warn(check, "no time service is seen to keep it", "timedatectl set-ntp true"),
            Doctor.kernel(
                "net.core.rmem_max", HostProbe.setting("net.core.rmem_max"), atLeast: 1 << 20,
                because: "a burst of registrations is dropped above it"),
            Doctor.kernel(
                "net.ipv4.igmp_max_memberships", HostProbe.setting("net.ipv4.igmp_max_memberships"), atLeast: 20,
                because: "a member can follow so many groups"),
        ]
    }
}
