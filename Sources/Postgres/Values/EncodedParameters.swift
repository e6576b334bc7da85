/// The parameters of one execution, in binary, back to back in one buffer.
struct EncodedParameters: Sendable {
    struct Slot: Sendable {
        let type: TypeOID
        let offset: Int32
        /// -1 for a null.
        let length: Int32
    }

    /// Ends with a zero, so that a value of no bytes at its end has an address too.
    let bytes: [UInt8]
    let slots: [Slot]

    static let none = EncodedParameters(bytes: [0], slots: [])

    private init(bytes: [UInt8], slots: [Slot]) {
        self.bytes = bytes
        self.slots = slots
    }

    /// - Throws: `.rejected` for more than 1 GiB or 65,535 parameters, which no server takes.
    init(_ parameters: [Parameter]) throws(PostgresError) {
        var slots: [Slot] = []
        slots.reserveCapacity(parameters.count)
        var total = 0
        for parameter in parameters {
            let size = parameter.binarySize
            let next = total + max(size, 0)
            guard next < 1 << 30 else { throw PostgresError(.rejected, "parameters over 1 GiB") }
            slots.append(
                Slot(type: parameter.type, offset: Int32(total), length: Int32(size)))
            total = next
        }
        guard slots.count <= UInt16.max else {
            throw PostgresError(.rejected, "more than 65,535 parameters")
        }
        self.slots = slots
        bytes = unsafe [UInt8](unsafeUninitializedCapacity: total + 1) { memory, count in
            var writer = unsafe BinaryWriter(memory)
            for parameter in parameters { parameter.write(to: &writer) }
            writer.integer(UInt8(0))
            count = total + 1
        }
    }

    var types: [TypeOID] { slots.map(\.type) }
}
