/// What changed in a consumer's work on one node since the last batch; recorded all or nothing for
/// each partition.
public struct ConsumerBatch: Sendable, Equatable {
    /// A partition that something of the batch belongs to.
    public struct Share: Sendable, Equatable {
        public let partition: Int
        public let fence: Int64
        /// Of the batch before: when the store holds another, what it holds is not what we know.
        public let serial: Int64
        /// The cursor after.
        public let cursor: Position
        /// Beyond the cursor, up to here members may begin with events without a row once the batch
        /// is stored.
        public let begun: Position
        /// Nothing is left here: the next holder may have it.
        public let isReleased: Bool
    }

    /// How a piece of work stands now.
    public struct Row: Sendable, Equatable {
        public let partition: Int
        public var work: StoredWork
        /// The remark on it that was acted upon; another that came since stays.
        public let heeded: Verdict.Action?
    }

    /// Work that is over.
    public struct Finish: Sendable, Equatable {
        /// Raw values are those of `apus.dead_letters.resolution`, zero and below for none.
        public enum Resolution: Int, Sendable {
            /// Its dead letter stays open and holds its key no more. Its row stays too if somebody
            /// said something of it: that is still to be heard.
            case letGo = -1
            case none = 0
            case succeeded = 1
            case discarded = 2
        }

        public let partition: Int
        public let position: Position
        /// What becomes of its open dead letter.
        public let resolution: Resolution
        /// The store has a row of it.
        public let isWritten: Bool
    }

    public struct Failure: Sendable, Equatable {
        public let partition: Int
        public let position: Position
        public let reason: String
    }

    /// A line of the ledger.
    public struct Record: Sendable, Equatable {
        public let partition: Int
        public let position: Position
        public let attempt: Int
        public let outcome: DeliveryOutcome
        public let startedAt: Timestamp
        public let duration: Duration
        public let message: String
        /// It will be handed out again, after so long.
        public let retryAfter: Duration?
    }

    /// What a projection wants changed by an event that is over with this batch.
    public struct Change: Sendable, Equatable {
        public let partition: Int
        public let position: Position
        public let changes: [ProjectionChange]
    }

    public struct Lane: Sendable, Equatable {
        public let partition: Int
        public let scope: LaneScope
        /// Nil: it met the cursor.
        public let position: Position?
    }

    public let consumer: Int32
    public let node: String
    public var shares: [Share] = []
    public var rows: [Row] = []
    public var finished: [Finish] = []
    public var deadLetters: [Failure] = []
    public var records: [Record] = []
    public var lanes: [Lane] = []
    /// In order of position.
    public var changes: [Change] = []
    /// Events that go to members once it is stored.
    public var handedOut = 0
    /// Somebody waits for an answer: it must outlive a crash.
    public var isDurable = false
    /// Its answer was lost: it may have been recorded.
    public var isRepeated = false

    init(consumer: Int32, node: String) {
        self.consumer = consumer
        self.node = node
    }
}

/// What became of a batch.
public struct BatchAnswer: Sendable, Equatable {
    /// Partitions that somebody else holds by now, or of which the store lost batches: nothing of
    /// theirs was recorded.
    public var refused: Set<Int>
    /// Rows that were left as they are, since another node said something of them.
    public var remarked: Set<Position>
    /// Events whose changes break a rule of their tables. Where there is one, nothing at all was
    /// recorded.
    public var unacceptable: Set<Position>

    public init(
        refused: Set<Int> = [], remarked: Set<Position> = [], unacceptable: Set<Position> = []
    ) {
        self.refused = refused
        self.remarked = remarked
        self.unacceptable = unacceptable
    }
}
