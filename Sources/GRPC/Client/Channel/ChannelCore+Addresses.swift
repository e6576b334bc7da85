import IO
import Telemetry

/// From the target's names to subchannels.
extension ChannelCore {
    /// The channel is to have connections.
    func begin() {
        switch target.place {
        case .addresses(let addresses): use(addresses)
        case .hosts(let hosts):
            let addresses = hosts.compactMap(\.address)
            if addresses.count == hosts.count {
                use(addresses)
            } else {
                perform(resolution.wanted(at: .now))
            }
        }
    }

    /// A connection was lost or could not be made: the names may stand for others by now.
    private func addressesDoubted() {
        guard phase == .active, case .hosts(let hosts) = target.place,
            hosts.contains(where: { $0.address == nil })
        else { return }
        perform(resolution.wanted(at: .now))
    }

    private func perform(_ action: ResolutionState.Action) {
        switch action {
        case .none: break
        case .wait(let wait):
            resolutionTimer = loop.schedule(after: wait) { [self] in
                resolutionTimer = nil
                perform(resolution.waited())
            }
        case .resolve: resolve()
        }
    }

    private func resolve() {
        guard case .hosts(let hosts) = target.place else { return }
        resolutionRound += 1
        statistics.resolutions += 1
        let round = resolutionRound
        Resolver.addresses(
            of: hosts.map { ($0.name, $0.port) }, on: loop, timeout: configuration.resolutionTimeout
        ) { [weak door] result in
            door?.assumeIsolated { $0.core.resolved(result, round: round) }
        }
    }

    func resolved(_ result: Result<[SocketAddress], IOError>, round: Int) {
        guard phase == .active, round == resolutionRound else { return }
        switch result {
        case .success(let addresses):
            resolution.succeeded(at: .now)
            use(addresses)
        case .failure(let error):
            logger.debug("Can't look up the target", [.error: .init(error)])
            // Addresses that are known stay in use: the name service is down, not the servers.
            if subchannels.isEmpty {
                resolutionFailure = RPCError(.unavailable, "can't reach \(target): \(error)")
            }
            perform(resolution.failed())
            connectivityChanged()
        }
    }

    /// Makes the subchannels be those of these addresses. Who stays keeps its connection; who goes
    /// ends its calls.
    private func use(_ addresses: [SocketAddress]) {
        resolutionFailure = nil
        let groups =
            configuration.loadBalancing == .pickFirst ? [addresses] : addresses.map { [$0] }
        var kept: [Subchannel] = []
        var old = subchannels
        // A name service may tell the same addresses in another order each time.
        func isSame(_ subchannel: Subchannel, _ group: [SocketAddress]) -> Bool {
            Set(subchannel.addresses) == Set(group)
        }
        for group in groups where !kept.contains(where: { isSame($0, group) }) {
            if let index = old.firstIndex(where: { isSame($0, group) }) {
                kept.append(old.remove(at: index))
            } else {
                kept.append(Subchannel(group, self))
            }
        }
        subchannels = kept
        for subchannel in old { subchannel.shutDown() }
        connectivityChanged()
        for subchannel in kept where wants(subchannel) { subchannel.connect() }
    }

    func subchannelChanged(_ subchannel: Subchannel) {
        switch subchannel.connectivity {
        case .idle:
            addressesDoubted()
            if wants(subchannel) { subchannel.connect() }
        case .failing: addressesDoubted()
        case .connecting, .ready, .shutDown: break
        }
        connectivityChanged()
    }

    /// Round robin is connected to everybody at all times; pick-first when there is a call.
    private func wants(_ subchannel: Subchannel) -> Bool {
        phase == .active
            && (configuration.loadBalancing == .roundRobin || hasWaitingCalls)
    }

    func forgetAddresses(_ end: (Subchannel) -> Void) {
        resolutionTimer?.cancel()
        resolutionTimer = nil
        resolution.forget()
        resolutionRound += 1
        resolutionFailure = nil
        let subchannels = subchannels
        self.subchannels = []
        connectivityChanged()
        for subchannel in subchannels { end(subchannel) }
    }
}
