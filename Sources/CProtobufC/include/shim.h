#pragma once
// Messages are copied whole, with what their schema calls deprecated.
#define PROTOBUF_C__NO_DEPRECATED
// Named in the module map too, so that generated headers import this module instead of
// declaring the library's types a second time.
#include <protobuf-c/protobuf-c.h>
