import Configuration
import Events
import GRPC

extension NeighbourSettings {
    /// `neighbours`: where they are.
    init(_ section: ConfigurationSection) {
        self.init()
        mcpEngine = section.section("mcpEngine", Place.init)
        securityHub = section.section("securityHub") { hub in
            auditTypes =
                hub.values("auditTypes", "must be a type pattern such as order.*") {
                    TypePattern($0)
                } ?? []
            return Place(hub)
        }
    }
}

extension NeighbourSettings.Place {
    init?(_ section: ConfigurationSection) {
        section.require("address")
        let target = section.value("address", "must be HOST:PORT") { ClientTarget($0) }
        let deadline = section.duration("deadline", in: .milliseconds(1) ... .seconds(3_600))
        let tls = section.section("tls", NeighbourSettings.TLS.init)
        guard let target else { return nil }
        self.init(target: target, tls: tls, deadline: deadline ?? Self.usualDeadline)
    }
}

extension NeighbourSettings.TLS {
    init(_ section: ConfigurationSection) {
        self.init(
            issuers: section.text("issuers"), certificate: section.text("certificate"),
            key: section.text("key"), serverName: section.text("serverName"))
        if (certificate == nil) != (key == nil) {
            section.refuse(nil, "certificate and key go together")
        }
    }
}
