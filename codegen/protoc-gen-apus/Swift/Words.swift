/// Takes names apart and puts them together.
enum Words {
    /// `partition_key` → `partitionKey`, as protoc makes JSON names.
    static func lowerCamel(_ name: String) -> String {
        let camel = upperAfterUnderscore(name, startingUpper: false)
        return camel.prefix(1).lowercased() + camel.dropFirst()
    }

    /// `apus.v1` → `ApusV1`, `partition_key` → `PartitionKey`.
    static func upperCamel(_ name: String) -> String {
        upperAfterUnderscore(
            name.map { $0 == "." ? "_" : String($0) }.joined(), startingUpper: true)
    }

    /// `EventKind` → `EVENT_KIND`.
    static func upperSnake(_ name: String) -> String {
        var snake = ""
        for (index, character) in name.enumerated() {
            if character.isUppercase, index > 0 { snake += "_" }
            snake += character.uppercased()
        }
        return snake
    }

    private static func upperAfterUnderscore(_ name: String, startingUpper: Bool) -> String {
        var result = ""
        var isUpper = startingUpper
        for character in name {
            if character == "_" {
                isUpper = true
            } else {
                result += isUpper ? character.uppercased() : String(character)
                isUpper = false
            }
        }
        return result
    }
}
