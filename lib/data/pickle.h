// Reads the small part of Python's pickle format that torch.save writes for tensors. Nothing that a
// file names is looked up or run: an instruction or a global that is not listed here is an error.
//
// Format (CPython, Lib/pickletools.py; protocols 2 to 4): a stack machine. Taken are the opcodes
// for None, booleans, integers of up to 8 bytes, text, tuples, lists, dictionaries and the memo; of
// globals, `torch._utils _rebuild_tensor_v2`, which yields a Tensor, `collections OrderedDict`,
// which yields a dictionary, and `torch XStorage`, of which the names are kept; and as persistent
// ids the tuples ("storage", TYPE, KEY, LOCATION, COUNT) of torch.save. Values; no threads, no I/O.
//
// Errors name the byte at which the instruction stands. kCorrupt: cut off, or instructions that do
// not fit each other. kInvalidArgument: something else than the above. kResourceExhausted: beyond a
// limit below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace skiptrain::data::pickle {

inline constexpr std::size_t kMaxBytes = 1u << 20;
inline constexpr std::size_t kMaxTextBytes = 1024;   // of each, a longer one counts as cut off
inline constexpr std::size_t kMaxValues = 1u << 16;  // on the stack, and in the memo
inline constexpr std::size_t kMaxDepth = 64;         // of tuples, lists and dictionaries

struct Value;
using Items = std::vector<Value>;

struct None {};
struct Global {
  std::string module;
  std::string name;
};
struct Tuple {
  std::shared_ptr<const Items> items;
};
struct List {
  std::shared_ptr<Items> items;
};
struct Dict {
  std::shared_ptr<std::vector<std::pair<Value, Value>>> entries;
};
struct Storage {
  std::string type;  // "FloatStorage"
  std::string key;   // its file in the archive
  std::int64_t count = 0;
};
// A view into a storage, in values.
struct Tensor {
  Storage storage;
  std::int64_t offset = 0;
  std::vector<std::int64_t> size;
  std::vector<std::int64_t> stride;
};

struct Value {
  std::variant<None, bool, std::int64_t, std::string, Global, Tuple, List, Dict, Storage, Tensor>
      is;
  std::size_t depth = 0;  // of what is nested in it
};

// What the whole pickle yields. `name` begins every message.
Result<Value> parse(std::span<const std::uint8_t> bytes, const std::string& name);

}  // namespace skiptrain::data::pickle
