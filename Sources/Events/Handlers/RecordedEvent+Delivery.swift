extension RecordedEvent {
    /// The same for each delivery of the event to the consumer, and no other event's: after a failover to a
    /// server that lacked the newest events, and in another installation, positions are given out again.
    ///
    /// - Parameter consumer: As clients name it.
    func deliveryID(to consumer: String) -> String { "\(consumer)/\(position)/\(id)" }
}
