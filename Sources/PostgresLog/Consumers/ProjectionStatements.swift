import Events
import Postgres

extension ProjectionStatement {
    /// By the name that ``ProjectionChange`` gives. Each is in `SQL/NAME.sql`.
    static let all: [ProjectionChange.Name: ProjectionStatement] = Dictionary(
        uniqueKeysWithValues: shipped.map {
            (ProjectionChange.Name(rawValue: $0.statement.name), $0)
        })

    private static let shipped = [
        ProjectionStatement(
            "project_lead_created", PackageResources.project_lead_created_sql,
            [.text, .text, .text, .time, .integer]),
        ProjectionStatement(
            "project_message_sent", PackageResources.project_message_sent_sql,
            [.text, .text, .time, .integer, .integer, .bool]),
        ProjectionStatement(
            "project_autopilot", PackageResources.project_autopilot_sql,
            [.text, .integer, .time, .bool, .text, .text, .text, .integer] + amount),
        ProjectionStatement(
            "project_sequence_step", PackageResources.project_sequence_step_sql,
            [.text, .text, .integer, .text, .text, .text, .integer]),
        ProjectionStatement(
            "project_order", PackageResources.project_order_sql,
            [.text, .text, .integer, .text, .time, .text, .text, .text, .text, .integer, .integer]
                + amount),
        ProjectionStatement(
            "project_conversation", PackageResources.project_conversation_sql,
            [
                .text, .text, .integer, .text, .time, .text, .text, .text, .integer, .integer,
                .bool,
            ]),
        ProjectionStatement(
            "project_behavior", PackageResources.project_behavior_sql,
            [.text, .text, .time, .text, .text, .text, .text, .integer, .bool]),
        ProjectionStatement(
            "project_inventory", PackageResources.project_inventory_sql,
            [.text, .integer, .text, .text, .integer, .text, .integer]),
    ]

    /// Currency, units, billionths, whether it is unusable.
    private static let amount: [Column] = [.text, .integer, .integer, .bool]
}
