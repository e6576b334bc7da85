extension DescriptorBuilder {
    /// `EnumDescriptorProto`.
    mutating func addEnumeration(
        _ range: Range<Int>, _ scope: DescriptorScope
    ) throws(DescriptorError) -> Int {
        var enumeration = DescriptorStorage.Enumeration()
        var reader = WireReader(bytes, in: range)
        while let item = try next(&reader, in: scope.name) {
            switch (item.number, item.range) {
            case (1, _): enumeration.name = try identifier(item, in: scope.name)
            case (2, let range?): enumeration.values.append(try enumValue(range, in: scope.name))
            case (3, let options?): enumeration.options += bytes[options]
            default: break
            }
        }
        enumeration.fullName = scope.fullName(enumeration.name)
        enumeration.file = scope.file
        enumeration.parent = scope.message
        guard !enumeration.name.isEmpty, !enumeration.values.isEmpty else {
            throw DescriptorError(.invalid, enumeration.fullName, "an enum without name or values")
        }
        let index = tables.enumerations.count
        try declare(enumeration.fullName, .enumeration(index))
        for value in enumeration.values {
            // Names of values are siblings of the enum.
            try declare(scope.fullName(value.name), .enumValue(enumeration: index))
            enumeration.numbersByName[value.name] = value.number
            if enumeration.namesByNumber[value.number] == nil {
                enumeration.namesByNumber[value.number] = value.name
            }
        }
        tables.enumerations.append(enumeration)
        return index
    }

    private func enumValue(
        _ range: Range<Int>, in subject: String
    ) throws(DescriptorError) -> DescriptorStorage.EnumValue {
        var value = DescriptorStorage.EnumValue()
        var reader = WireReader(bytes, in: range)
        while let item = try next(&reader, in: subject) {
            switch (item.number, item.value) {
            case (1, _): value.name = try identifier(item, in: subject)
            case (2, .varint(let number)): value.number = Int32(truncatingIfNeeded: number)
            case (3, .range(let options)): value.options += bytes[options]
            default: break
            }
        }
        guard !value.name.isEmpty else {
            throw DescriptorError(.invalid, subject, "an enum value has no name")
        }
        return value
    }

    /// `ServiceDescriptorProto`.
    mutating func addService(
        _ range: Range<Int>, _ scope: DescriptorScope
    ) throws(DescriptorError) -> Int {
        var service = DescriptorStorage.Service()
        var types: [(input: String, output: String)] = []
        var reader = WireReader(bytes, in: range)
        while let item = try next(&reader, in: scope.name) {
            switch (item.number, item.range) {
            case (1, _): service.name = try identifier(item, in: scope.name)
            case (2, let range?):
                let (method, input, output) = try method(range, in: scope.name)
                service.methods.append(method)
                types.append((input, output))
            case (3, let options?): service.options += bytes[options]
            default: break
            }
        }
        service.fullName = scope.fullName(service.name)
        service.file = scope.file
        guard !service.name.isEmpty else {
            throw DescriptorError(.invalid, scope.name, "a service has no name")
        }
        let index = tables.services.count
        try declare(service.fullName, .service(index))
        for (number, method) in service.methods.enumerated() {
            try declare(
                "\(service.fullName).\(method.name)", .method(service: index, index: number))
        }
        tables.services.append(service)
        methodTypeNames.append(types)
        return index
    }

    private func method(
        _ range: Range<Int>, in subject: String
    ) throws(DescriptorError) -> (DescriptorStorage.Method, input: String, output: String) {
        var method = DescriptorStorage.Method()
        var input = ""
        var output = ""
        var reader = WireReader(bytes, in: range)
        while let item = try next(&reader, in: subject) {
            switch (item.number, item.value) {
            case (1, _): method.name = try identifier(item, in: subject)
            case (2, _): input = try string(item, in: subject)
            case (3, _): output = try string(item, in: subject)
            case (4, .range(let options)): method.options += bytes[options]
            case (5, .varint(let value)): method.isClientStreaming = value != 0
            case (6, .varint(let value)): method.isServerStreaming = value != 0
            default: break
            }
        }
        guard !method.name.isEmpty else {
            throw DescriptorError(.invalid, subject, "a method has no name")
        }
        return (method, input, output)
    }
}
