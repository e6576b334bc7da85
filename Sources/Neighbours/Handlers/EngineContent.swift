import EventProtos
import Protobuf

/// Between what chat events say in their `content`, as channel and sort shape it, and the engine's
/// content of messages.
enum EngineContent {
    typealias Struct = GoogleProtobuf.Struct

    /// `text`, `payload`, `language`, `media` (or `url` and so on beside them) and `location` are
    /// taken from where most channels put them; the whole of it goes along as metadata. What has no
    /// text becomes a payload of JSON, since the engine wants one of the two.
    static func message(type: String, _ content: Struct?) -> McpEngineV2.MessageContent {
        let fields = content?.fields ?? [:]
        var message = McpEngineV2.MessageContent()
        message.type = self.type(type)
        message.text =
            fields.text("text", "body", "caption") ?? fields.object("text")?.text("body") ?? ""
        message.payload = fields.text("payload") ?? ""
        message.language = fields.text("language") ?? ""
        let media = fields.object("media") ?? fields
        if let url = media.text("url", "link") {
            message.media = McpEngineV2.MediaContent(
                url: url, secureUrl: media.text("secure_url") ?? "",
                mimeType: media.text("mime_type") ?? "", caption: media.text("caption") ?? "")
        }
        let place = fields.object("location") ?? fields
        if let latitude = place.number("latitude"), let longitude = place.number("longitude") {
            message.location = McpEngineV2.LocationContent(
                latitude: latitude, longitude: longitude, address: place.text("address") ?? "",
                placeName: place.text("name", "place_name") ?? "")
        }
        message.metadata = content
        if message.text.isEmpty, message.payload.isEmpty, let content, !fields.isEmpty {
            message.payload = (try? content.json()) ?? ""
        }
        return message
    }

    /// What the user is told, with the names of the engine's fields; nil when there is nothing to
    /// tell.
    static func content(of message: McpEngineV2.MessageContent?) -> Struct? {
        guard var message, message != McpEngineV2.MessageContent(type: message.type) else {
            return nil
        }
        message.type = .unknown
        var names = ProtobufJSON.PrintOptions.compact
        names.declaredNames = true
        if let json = try? message.json(options: names), let content = try? Struct(json: json) {
            return content
        }
        // Such as numbers that JSON has not.
        return Struct(fields: [
            "text": GoogleProtobuf.Value(kind: .stringValue(message.text)),
            "payload": GoogleProtobuf.Value(kind: .stringValue(message.payload)),
        ])
    }

    private static let types: [(name: String, type: McpCommonV2.MessageType)] = [
        ("text", .text), ("image", .image), ("file", .file), ("audio", .audio),
        ("video", .video), ("location", .location), ("quick_reply", .quickReply),
        ("carousel", .carousel), ("form", .form), ("system", .system),
    ]
    private static let otherTypes: [String: McpCommonV2.MessageType] = [
        "document": .file, "voice": .audio, "button": .quickReply, "interactive": .quickReply,
    ]

    static func type(_ name: String) -> McpCommonV2.MessageType {
        let name = name.lowercased()
        return types.first { $0.name == name }?.type ?? otherTypes[name] ?? .unknown
    }

    /// As events name it; what is none of the list is taken for text.
    static func name(of type: McpCommonV2.MessageType) -> String {
        types.first { $0.type == type }?.name ?? "text"
    }

    private static let channels: [String: McpCommonV2.Channel] = [
        "web": .web, "webchat": .web, "whatsapp": .whatsapp, "messenger": .messenger,
        "facebook": .messenger, "slack": .slack, "teams": .teams, "voice": .voice, "sms": .sms,
    ]

    static func channel(_ name: String) -> McpCommonV2.Channel {
        channels[name.lowercased()] ?? .unknown
    }
}

extension [String: GoogleProtobuf.Value] {
    /// The first of these fields that is a text and not empty.
    fileprivate func text(_ names: String...) -> String? {
        for name in names {
            if case .stringValue(let text) = self[name]?.kind, !text.isEmpty { return text }
        }
        return nil
    }

    fileprivate func number(_ name: String) -> Double? {
        guard case .numberValue(let number) = self[name]?.kind else { return nil }
        return number
    }

    fileprivate func object(_ name: String) -> [String: GoogleProtobuf.Value]? {
        guard case .structValue(let object) = self[name]?.kind else { return nil }
        return object.fields
    }
}
