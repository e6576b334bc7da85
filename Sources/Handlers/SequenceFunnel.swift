import EventProtos
public import Events

/// How many leads got to each step of a follow-up sequence, and what came of the step.
public struct SequenceFunnel: Projection {
    public let name = "sequence-funnel"
    public let types: [TypePattern]
    public let tables = ["sequence_funnel", "sequence_leads"]

    static let executed = ProjectionChange.Name(rawValue: "project_sequence_step")

    public init() {
        types = [TypePattern("sequence.step_executed")].compactMap(\.self)
    }

    public func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
        guard let step = try event.payload(ApusEventsSequenceV1.SequenceStepExecuted.self),
            !step.sequenceId.isEmpty
        else { return nil }
        let change = ProjectionChange(
            Self.executed,
            [
                .text(event.tenant.rawValue), try .key(step.sequenceId, "sequence_id"),
                .integer(Int64(step.stepNumber)), try .key(step.stepId, "step_id"),
                try .key(step.leadId, "lead_id"), .text(Self.text(step.outcome)),
                .integer(Int64(step.latencyMs)),
            ])
        return [change]
    }

    private static func text(_ outcome: ApusEventsSequenceV1.StepOutcome) -> String {
        switch outcome {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .skipped: "skipped"
        case .unspecified, .unrecognized: "unknown"
        }
    }
}
