"""Writes expectations.jsonl: what Python's protobuf says about JSON, both ways.

"print": serialized message -> JSON value. "parse": JSON text -> serialized message, or null where
Python refuses it.
"""
import base64
import json
import math
import pathlib
import random
import struct

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

HERE = pathlib.Path(__file__).parent
files = descriptor_pb2.FileDescriptorSet.FromString((HERE / "everything.pb").read_bytes())
pool = descriptor_pool.DescriptorPool()
for file in files.file:
    pool.Add(file)
Everything = message_factory.GetMessageClass(pool.FindMessageTypeByName("apus.test.v1.Everything"))
Timestamp = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.Timestamp"))
Duration = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.Duration"))

INTS = {
    "int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1),
}
KINDS = {
    "an_int32": "int32", "an_int64": "int64", "a_uint32": "uint32", "a_uint64": "uint64",
    "a_sint32": "int32", "a_sint64": "int64", "a_fixed32": "uint32", "a_fixed64": "uint64",
    "a_sfixed32": "int32", "a_sfixed64": "int64",
}


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


# Texts to parse, most of them one field each.
texts = ["{}", " \n{ } \t", "", "null", "[]", "{", "}", "{}{}", '{"aBool"}', '{"aBool":}', "{,}",
         '{"aBool":true,}', "{'aBool':true}", '{aBool:true}', '{"aBool":True}', '{"aBool":nulll}',
         '{"aBool":true "aString":""}', "{}x", "/* */{}", '\ufeff{}']
for name, kind in KINDS.items():
    low, high = INTS[kind]
    values = [0, 1, low, high, low - 1, high + 1, f'"{high}"', f'"{low}"', f'"{high + 1}"', "1.0",
              "1.5", "1e2", '"1e2"', "1E+2", "100e-2", "15e-1", "-0", '"-0"', "01", "+1", '""', '" 1"',
              '"1 "', '"0x1"', '"abc"', "true", "null", "[]", "{}", "1e400", "-", "1.", ".5", "1e"]
    texts += ['{"%s":%s}' % (camel(name), value) for value in values]
for name in ("aDouble", "aFloat"):
    values = ["0", "1", "-1.5", "0.1", "1e10", "1e-10", "1e38", "3.4028235e38", "3.5e38", "-3.5e38",
              "1e308", "1.8e308", "5e-324", "1e-400", '"NaN"', '"Infinity"', '"-Infinity"', '"1.5"',
              '"1e3"', '"nan"', '"inf"', '"+Infinity"', "NaN", "Infinity", '""', '" 1"', '"0x10"', "true",
              "null", "-0.0", "123456789012345678901234567890", "0.30000000000000004"]
    texts += ['{"%s":%s}' % (name, value) for value in values]
texts += ['{"aBool":%s}' % v for v in ("true", "false", "null", '"true"', "1", "0")]
texts += ['{"aString":%s}' % v for v in (
    '"plain"', '"\\u00fc\\ud83d\\ude00"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\ud83d"', '"\\ude00"',
    '"\\ud83dx"', '"\\ud83d\\u0041"', '"\\x41"', '"\\u12"', '"\\u12g4"', '"a\nb"', '"', '"\\', '"grüße 😀"',
    "null", "1", "true", '"\\U0041"', '"\u2028"', '"\\u001f\\u007f"')]
texts += ['{"someBytes":%s}' % v for v in (
    '""', '"AQI="', '"AQI"', '"-_8="', '"+/8="', '"-_8"', '"A"', '"AQ=="', '"AQ"', "null", "1")]
texts += ['{"color":%s}' % v for v in (
    '"COLOR_RED"', '"COLOR_BELOW"', "1", "-1", "77", "0", '"color_red"', '"RED"', '""', "null", "1.0", "1.5",
    "2147483648", "true")]
texts += [
    '{"nested":{}}', '{"nested":{"name":"n","child":{"number":"1"}}}', '{"nested":null}', '{"nested":[]}',
    '{"nested":1}', '{"nested":{"nothing":1}}', '{"nothing":1}', '{"a_string":"declared"}',
    '{"aString":"a","a_string":"b"}', '{"aString":"a","aString":"b"}', '{"nested":{"name":"a","name":"b"}}',
    '{"@type_of":"x"}', '{"renamed":"x"}', '{"oddName":"x"}', '{"odd__Name_":"x"}', '{"far":1}',
    '{"farther":1}', '{"self":{"self":{"anInt32":1}}}',
    '{"int32s":[1,2,3]}', '{"int32s":[]}', '{"int32s":null}', '{"int32s":[null]}', '{"int32s":1}',
    '{"int32s":[1,]}', '{"int32s":[1 2]}', '{"int32s":{}}', '{"int32s":["1",2.0]}', '{"unpacked":[1,2]}',
    '{"strings":["a","","b"]}', '{"strings":[null]}', '{"byteStrings":["AQ==",""]}', '{"bools":[true,false]}',
    '{"colors":["COLOR_RED",2,-1,55]}', '{"colors":[null]}', '{"nesteds":[{},{"name":"a"}]}',
    '{"nesteds":[null]}', '{"doubles":[1,"NaN",-0.5]}', '{"fixed64s":["1",2]}',
    '{"maybeInt32":0}', '{"maybeInt32":null}', '{"maybeString":""}', '{"maybeColor":"COLOR_UNSPECIFIED"}',
    '{"maybeBytes":""}', '{"chosenInt32":0}', '{"chosenString":""}', '{"chosenNull":null}',
    '{"chosenNull":"NULL_VALUE"}', '{"chosenNull":0}', '{"chosenValue":null}', '{"chosenValue":1}',
    '{"chosenInt32":1,"chosenString":"a"}', '{"chosenInt32":null,"chosenString":"a"}',
    '{"chosenString":"a","chosenInt32":null}', '{"chosenBool":false}', '{"chosenNested":{}}',
    '{"chosenNested":null}', '{"nullValue":null}', '{"nullValue":"NULL_VALUE"}',
    '{"extra":{"k":"v"}}', '{"extra":{}}', '{"extra":null}', '{"extra":{"k":null}}', '{"extra":{"k":1}}',
    '{"extra":{"k":"a","k":"b"}}', '{"extra":[]}', '{"extra":{"":""}}', '{"byInt32":{"-1":"a"}}',
    '{"byInt32":{"x":"a"}}', '{"byInt32":{"1":"a","1":"b"}}', '{"byInt32":{"2147483648":"a"}}',
    '{"byInt64":{"9223372036854775807":"1"}}', '{"byUint32":{"1":true}}', '{"byUint64":{"1":0.5}}',
    '{"byBool":{"true":"AQ=="}}', '{"byBool":{"false":""}}', '{"byBool":{"1":""}}', '{"bySint32":{"-5":1.5}}',
    '{"byFixed64":{"5":7}}', '{"nestedByName":{"a":{"name":"b"}}}', '{"nestedByName":{"a":null}}',
    '{"colorByName":{"a":"COLOR_GREEN"}}', '{"colorByName":{"a":null}}',
    '{"timeByNumber":{"3":"1970-01-01T00:00:01Z"}}',
]
texts += ['{"timestamp":%s}' % v for v in (
    '"1970-01-01T00:00:00Z"', '"1972-01-01T10:00:20.021Z"', '"1972-01-01T10:00:20.021-05:00"',
    '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999999999Z"', '"0000-01-01T00:00:00Z"',
    '"2000-02-29T12:00:00+14:00"', '"1900-02-29T12:00:00Z"', '"2023-02-29T12:00:00Z"', '"2023-13-01T12:00:00Z"',
    '"2023-12-01t12:00:00Z"', '"2023-12-01T12:00:00z"', '"2023-12-01T12:00:00"', '"2023-12-01"',
    '"2023-12-01T24:00:00Z"', '"2023-12-01T12:60:00Z"', '"2023-12-01T12:00:60Z"',
    '"2023-12-01T12:00:00.1Z"', '"2023-12-01T12:00:00.1234567891Z"', '"2023-12-01T12:00:00.Z"',
    '"1969-12-31T23:59:59.5Z"', '"2023-12-01 12:00:00Z"', "0", "null", '""', '"0001-01-01T00:00:00+01:00"',
    '"9999-12-31T23:59:59-01:00"', '"2023-12-01T12:00:00Zx"', '"2023-12-01T12:00:00+0100"')]
texts += ['{"duration":%s}' % v for v in (
    '"0s"', '"1s"', '"-1s"', '"1.5s"', '"-1.5s"', '"-0.5s"', '"0.000000001s"', '"1.0000000001s"', '"315576000000s"',
    '"-315576000000s"', '"315576000001s"', '"1"', '"s"', '"1.s"', '".5s"', '"1,5s"', '" 1s"', "1", "null", '"1e3s"')]
texts += ['{"fieldMask":%s}' % v for v in (
    '""', '"a"', '"fooBar,baz.quxQuux"', '"foo_bar"', "null", "1", '"a,b"')]
texts += ['{"structure":%s}' % v for v in (
    "{}", '{"a":1}', '{"a":null}', '{"a":"s"}', '{"a":true}', '{"a":[1,"x",null,{"b":[]}]}', "null", "[]",
    '{"a":1,"a":2}', '{"":{}}')]
texts += ['{"value":%s}' % v for v in (
    "null", "1", "1.5", '"s"', "true", "[]", "{}", "[[1]]", '{"a":{"b":null}}', '"NaN"', "1e400")]
texts += ['{"values":%s}' % v for v in ("[null,1]", "[[]]", "null")]
texts += ['{"listValue":%s}' % v for v in ("[]", "[1,null]", "null", "{}")]
texts += ['{"any":%s}' % v for v in (
    "{}", "null", '{"@type":"type.googleapis.com/apus.test.v1.Everything.Nested","name":"n"}',
    '{"name":"n","@type":"type.googleapis.com/apus.test.v1.Everything.Nested"}',
    '{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.5s"}',
    '{"value":"1.5s","@type":"type.googleapis.com/google.protobuf.Duration"}',
    '{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"a":1}}',
    '{"@type":"type.googleapis.com/google.protobuf.Int32Value","value":7}',
    '{"@type":"type.googleapis.com/google.protobuf.Empty"}',
    '{"@type":"type.googleapis.com/google.protobuf.Any","value":'
    '{"@type":"type.googleapis.com/google.protobuf.Int32Value","value":7}}',
    '{"@type":"type.googleapis.com/nobody.Knows"}', '{"@type":"apus.test.v1.Everything.Nested"}',
    '{"@type":"type.googleapis.com/apus.test.v1.Everything.Nested","nothing":1}', '{"name":"n"}', '{"@type":1}',
    '{"@type":"type.googleapis.com/apus.test.v1.Everything.Nested","@type":"x/y"}')]
texts += ['{"empty":{}}', '{"empty":null}', '{"empty":{"a":1}}']
for name, values in {
    "doubleValue": ["1.5", '"NaN"', "0", "null"], "floatValue": ["1.5", "null"],
    "int64Value": ['"1"', "1", "0", "null"], "uint64Value": ['"18446744073709551615"', "-1"],
    "int32Value": ["1", "0", "null", '{"value":1}'], "uint32Value": ["1", "4294967296"],
    "boolValue": ["true", "false", "null"], "stringValue": ['"s"', '""', "null", "1"],
    "bytesValue": ['"AQ=="', '""', "null"], "int64Values": ['["1",2]', "[null]"],
}.items():
    texts += ['{"%s":%s}' % (name, value) for value in values]

# Where the two differ on purpose; the test names the reason.
parses = []
for text in texts:
    try:
        message = json_format.Parse(text, Everything(), descriptor_pool=pool)
        wire = base64.b64encode(message.SerializeToString(deterministic=True)).decode()
    except (json_format.ParseError, UnicodeEncodeError, ValueError):
        wire = None
    parses.append({"text": text, "wire": wire})

# Messages to print.
rng = random.Random(50530)


def integer(kind):
    low, high = INTS[kind]
    return rng.choice([low, high, 0, 1, rng.randint(low, high), rng.randint(max(low, -99), 99)])


def text():
    return "".join(rng.choice('ab"\\/\n\x01\x7füß€😀\u2028 <>&') for _ in range(rng.randrange(6)))


def double():
    if rng.random() < 0.5:
        return rng.choice([0.0, -0.0, 1.0, 0.1, 1e20, 1e-7, math.inf, -math.inf, math.nan, 5e-324, 1e16])
    return struct.unpack("<d", rng.randbytes(8))[0]


def number32():
    return struct.unpack("<f", rng.randbytes(4))[0] if rng.random() < 0.5 else rng.choice([0.1, 1.0, -0.0, 1e10])


def fill_nested(message, depth):
    message.name, message.number = text(), integer("int64")
    if depth and rng.random() < 0.5:
        fill_nested(message.child, depth - 1)
    for _ in range(rng.randrange(3) if depth else 0):
        fill_nested(message.children.add(), depth - 1)
    if rng.random() < 0.3:
        message.text = text()


def fill_value(value, depth):
    kind = rng.randrange(6 if depth else 4)
    if kind == 0:
        value.null_value = 0
    elif kind == 1:
        value.number_value = rng.choice([0.0, 1.0, -2.5, 1e100, 123456789.0])
    elif kind == 2:
        value.string_value = text()
    elif kind == 3:
        value.bool_value = rng.random() < 0.5
    elif kind == 4:
        value.struct_value.SetInParent()
        for key in "abc"[: rng.randrange(3)]:
            fill_value(value.struct_value.fields[key], depth - 1)
    else:
        value.list_value.SetInParent()
        for _ in range(rng.randrange(3)):
            fill_value(value.list_value.values.add(), depth - 1)


def fill_timestamp(message):
    message.seconds = rng.choice([0, -62135596800, 253402300799, rng.randint(-10**10, 10**10)])
    message.nanos = rng.choice([0, 1, 10**3, 10**6, 999999999, 120 * 10**6])


def fill(message):
    fields = list(message.DESCRIPTOR.fields)
    for field in rng.sample(fields, rng.randrange(12)):
        name = field.name
        if name in KINDS:
            setattr(message, name, integer(KINDS[name]))
        elif name == "a_double":
            message.a_double = double()
        elif name == "a_float":
            message.a_float = number32()
        elif name in ("a_string", "maybe_string", "chosen_string", "renamed", "odd__Name_"):
            setattr(message, name, text())
        elif name in ("some_bytes", "maybe_bytes", "chosen_bytes"):
            setattr(message, name, rng.randbytes(rng.randrange(5)))
        elif name in ("color", "maybe_color"):
            setattr(message, name, rng.choice([0, 1, 2, -1, 99]))
        elif name in ("a_bool", "chosen_bool"):
            setattr(message, name, rng.random() < 0.5)
        elif name in ("nested", "chosen_nested"):
            fill_nested(getattr(message, name), 2)
        elif name in ("maybe_int32", "chosen_int32", "far", "farther"):
            setattr(message, name, integer("int32"))
        elif name == "chosen_null":
            message.chosen_null = 0
        elif name in ("value", "chosen_value"):
            fill_value(getattr(message, name), 2)
        elif name == "doubles":
            message.doubles.extend(double() for _ in range(3))
        elif name == "floats":
            message.floats.extend(number32() for _ in range(3))
        elif name in ("bools",):
            message.bools.extend([True, False])
        elif name in ("strings",):
            message.strings.extend(text() for _ in range(3))
        elif name == "byte_strings":
            message.byte_strings.extend([b"", b"\x00\xff"])
        elif name == "colors":
            message.colors.extend([0, 1, -1, 99])
        elif name == "nesteds":
            for _ in range(2):
                fill_nested(message.nesteds.add(), 1)
        elif name in ("unpacked", "int32s", "sint32s", "sfixed32s"):
            getattr(message, name).extend(integer("int32") for _ in range(3))
        elif name in ("int64s", "sint64s", "sfixed64s"):
            getattr(message, name).extend(integer("int64") for _ in range(3))
        elif name in ("uint32s", "fixed32s"):
            getattr(message, name).extend(integer("uint32") for _ in range(3))
        elif name in ("uint64s", "fixed64s"):
            getattr(message, name).extend(integer("uint64") for _ in range(3))
        elif name == "extra":
            message.extra[text()] = text()
        elif name == "by_int32":
            message.by_int32[integer("int32")] = text()
        elif name == "by_int64":
            message.by_int64[integer("int64")] = integer("int64")
        elif name == "by_bool":
            message.by_bool[True] = b"\x01"
            message.by_bool[False] = b""
        elif name == "by_uint64":
            message.by_uint64[integer("uint64")] = double()
        elif name == "by_sint32":
            message.by_sint32[integer("int32")] = number32()
        elif name == "by_fixed64":
            message.by_fixed64[integer("uint64")] = integer("uint32")
        elif name == "nested_by_name":
            fill_nested(message.nested_by_name[text()], 1)
        elif name == "color_by_name":
            message.color_by_name["k"] = rng.choice([0, 1, 99])
        elif name == "time_by_number":
            fill_timestamp(message.time_by_number[integer("int32")])
        elif name == "timestamp":
            fill_timestamp(message.timestamp)
        elif name == "timestamps":
            fill_timestamp(message.timestamps.add())
        elif name == "duration":
            sign = rng.choice([1, -1])
            message.duration.seconds = sign * rng.choice([0, 1, 315575999999])
            message.duration.nanos = sign * rng.choice([0, 1, 5 * 10**8, 999999999])
        elif name == "field_mask":
            message.field_mask.paths.extend(["foo_bar", "baz.qux_quux"])
        elif name == "structure":
            message.structure.SetInParent()
            fill_value(message.structure.fields["k"], 3)
        elif name == "list_value":
            message.list_value.SetInParent()
            fill_value(message.list_value.values.add(), 2)
        elif name == "values":
            fill_value(message.values.add(), 2)
        elif name == "any":
            inner = Everything.Nested()
            fill_nested(inner, 1)
            message.any.Pack(inner)
        elif name == "anys":
            inner = Duration(seconds=rng.randrange(100))
            message.anys.add().Pack(inner)
            stamp = Timestamp()
            fill_timestamp(stamp)
            message.anys.add().Pack(stamp)
        elif name == "empty":
            message.empty.SetInParent()
        elif name == "self":
            getattr(message, "self").an_int32 = 1
        elif name.endswith("_value") and field.message_type is not None:
            wrapper = getattr(message, name)
            wrapper.SetInParent()
            kind = name.removesuffix("_value")
            if kind in INTS:
                wrapper.value = integer(kind)
            elif kind in ("double", "float"):
                wrapper.value = rng.choice([0.0, 1.5, math.inf])
            elif kind == "bool":
                wrapper.value = True
            elif kind == "string":
                wrapper.value = text()
            else:
                wrapper.value = b"\x01\x02"


prints = []
while len(prints) < 150:
    message = Everything()
    fill(message)
    printed = json_format.MessageToJson(message, indent=None, descriptor_pool=pool)
    prints.append({
        "wire": base64.b64encode(message.SerializeToString(deterministic=True)).decode(),
        "json": json.loads(printed),
    })

with open(HERE / "expectations.jsonl", "w") as out:
    for case in parses:
        out.write(json.dumps({"parse": case["text"], "wire": case["wire"]}) + "\n")
    for case in prints:
        out.write(json.dumps({"print": case["json"], "wire": case["wire"]}) + "\n")
