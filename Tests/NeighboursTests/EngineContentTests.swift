import EventProtos
import Protobuf
import Testing

@testable import Neighbours

/// What chat events say, in the engine's words and back.
@Suite struct EngineContentTests {
    private typealias Struct = GoogleProtobuf.Struct

    private func message(_ type: String, _ json: String) throws -> McpEngineV2.MessageContent {
        EngineContent.message(type: type, try Struct(json: json))
    }

    @Test func `words are found where channels put them`() throws {
        for json in [
            #"{"text":"Hi"}"#, #"{"body":"Hi"}"#, #"{"caption":"Hi","url":"x"}"#,
            #"{"text":{"body":"Hi"}}"#,
        ] {
            #expect(try message("text", json).text == "Hi", "\(json)")
        }
        let whole = try message("text", #"{"text":"Hi","language":"es","payload":"P","more":[1]}"#)
        #expect(whole.language == "es" && whole.payload == "P")
        #expect(whole.metadata?.fields["more"] != nil, "nothing of it is lost")
    }

    @Test func `what has no words becomes a payload`() throws {
        let message = try message("location", #"{"location":{"latitude":1.5,"longitude":2}}"#)
        #expect(message.type == .location && message.text.isEmpty)
        #expect(message.location?.latitude == 1.5)
        let payload = try Struct(json: message.payload)
        #expect(payload == message.metadata)
        #expect(EngineContent.message(type: "text", nil).payload.isEmpty)
    }

    @Test func `media is found beside the words or below`() throws {
        for json in [
            #"{"url":"https://x/y.png","mime_type":"image/png","caption":"c"}"#,
            #"{"media":{"link":"https://x/y.png","mime_type":"image/png","caption":"c"}}"#,
        ] {
            let media = try message("image", json).media
            #expect(media?.url == "https://x/y.png" && media?.mimeType == "image/png", "\(json)")
            #expect(media?.caption == "c")
        }
    }

    @Test func `sorts and channels are known by their names in either case`() {
        for (name, type) in [
            ("text", McpCommonV2.MessageType.text), ("IMAGE", .image), ("document", .file),
            ("voice", .audio), ("quick_reply", .quickReply), ("interactive", .quickReply),
            ("telepathy", .unknown),
        ] {
            #expect(EngineContent.type(name) == type)
        }
        for (name, channel) in [
            ("WhatsApp", McpCommonV2.Channel.whatsapp), ("web", .web), ("facebook", .messenger),
            ("pigeon", .unknown),
        ] {
            #expect(EngineContent.channel(name) == channel)
        }
        for number in 1...10 {
            let type = McpCommonV2.MessageType(rawValue: Int32(number))
            #expect(EngineContent.type(EngineContent.name(of: type)) == type)
        }
        #expect(EngineContent.name(of: .unknown) == "text")
    }

    @Test func `what the user is told has the names of the engine's fields`() throws {
        let message = McpEngineV2.MessageContent(
            type: .text, text: "Choose",
            quickReplies: [McpEngineV2.QuickReply(title: "Yes", payload: "y")])
        let content = try #require(EngineContent.content(of: message))
        let wanted = try Struct(
            json: #"{"text":"Choose","quick_replies":[{"title":"Yes","payload":"y"}]}"#)
        #expect(content == wanted)
    }

    @Test func `an answer without content tells nobody anything`() {
        #expect(EngineContent.content(of: nil) == nil)
        #expect(EngineContent.content(of: McpEngineV2.MessageContent(type: .text)) == nil)
    }

    @Test func `numbers that JSON has not leave the words`() throws {
        let message = McpEngineV2.MessageContent(
            text: "Here", metadata: Struct(fields: ["x": .init(kind: .numberValue(.infinity))]))
        let content = try #require(EngineContent.content(of: message))
        #expect(content.fields["text"]?.kind == .stringValue("Here"))
    }
}
