public import Events

extension HandlerRegistry {
    /// The handlers that ship with Apus.
    ///
    /// - Throws: ``EventsError`` when two bear one name.
    public static func shipped() throws(EventsError) -> HandlerRegistry {
        var registry = HandlerRegistry()
        try registry.register(LeadAnalytics())
        return registry
    }
}
