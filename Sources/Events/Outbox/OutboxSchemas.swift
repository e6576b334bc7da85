/// What the outbox needs of the schemas: it holds payloads that clients have not encoded.
public protocol OutboxSchemas: SchemaCatalogue {
    /// The wire bytes of a payload in JSON.
    ///
    /// - Parameters:
    ///   - message: One that ``SchemaCatalogue/eventType(forMessage:)`` knows.
    ///   - path: Of the payload, for what is thrown: `data`.
    /// - Throws: ``EventsError`` `.invalidArgument`, naming the field.
    func payload(json: String, message: String, path: String) throws(EventsError) -> [UInt8]

    /// Of ``EventDraft/contentHeader`` followed by the data.
    func fingerprint(of draft: EventDraft) -> Fingerprint
}
