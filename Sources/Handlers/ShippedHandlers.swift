public import Events

extension HandlerRegistry {
    /// The handlers that ship with Apus.
    ///
    /// - Parameters:
    ///   - publish: For handlers that publish; who only asks what there is needs none.
    ///   - notification: What tells people; nil: what would tell nobody.
    /// - Throws: ``EventsError`` when two bear one name.
    public static func shipped(
        publish: @escaping PublishOwnEvent = { _ in
            throw EventsError(.broken, "Nobody publishes here.")
        }, notification: NotificationHandler? = nil
    ) throws(EventsError) -> HandlerRegistry {
        var registry = HandlerRegistry()
        for projection in projections { try registry.register(projection) }
        try registry.register(LeadAutopilot(publish: publish))
        try registry.register(notification ?? NotificationHandler.silent)
        return registry
    }

    /// Those of which all effect is in their tables.
    public static var projections: [any Projection] {
        [
            LeadAnalytics(), MessageSLO(), AutopilotAttribution(), SequenceFunnel(),
            OrderAnalytics(), ConversationAnalytics(), BehaviorAnalytics(), Inventory(),
        ]
    }
}

extension HandlerOptions {
    /// Options of the shipped handlers: those that write events or messages of their own run only
    /// when they are spoken of.
    ///
    /// - Parameters:
    ///   - told: By the handlers' names.
    ///   - notifies: Whether it is said where notifications go; without that there are none.
    public static func shipped(
        _ told: [String: HandlerOptions], notifies: Bool
    ) -> [String: HandlerOptions] {
        var options = told
        if told["lead-autopilot"] == nil {
            options["lead-autopilot"] = HandlerOptions(isEnabled: false)
        }
        if !notifies { options[NotificationHandler.handlerName] = HandlerOptions(isEnabled: false) }
        return options
    }
}
